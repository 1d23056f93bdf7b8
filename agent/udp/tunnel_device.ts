/**
 * The TUN device of the udp backend.
 *
 * @module
 */
import { addressAt, parseCidr } from "../../flannel/cidr.ts";
import { FLANDOC_PROTOCOL } from "../../flannel/kernel.ts";
import { libc } from "../../host/libc.ts";
import type { NetlinkChange } from "../../host/netlink/changes.ts";
import { Netlink } from "../../host/netlink/netlink.ts";
import { openTun, type TunDevice } from "../../host/tun.ts";

/** Pattern of the device's name, as flannel's: the kernel picks the number. */
const NAME = "flannel%d";

/** What a tunnel is for. */
export interface TunnelOptions {
  /** flannel's `Network`, IPv4 CIDR. */
  readonly network: string;
  /** Subnet of the own lease, IPv4 CIDR. */
  readonly subnet: string;
  /** MTU of the device in octets: the external interface's less 28. */
  readonly mtu: number;
  /** Network namespace by name or path. @default the thread's own */
  readonly netns?: string;
}

/**
 * Makes the device `flannel0`, gives it the subnet's first address with prefix
 * length 32, takes it up and routes the whole network to it. It is gone, and
 * its route, when the descriptor is closed. An address or a route that is
 * there already is left.
 *
 * Source: flannel v0.28.9 pkg/backend/udp.
 *
 * @throws {SystemError} When the kernel refuses the device.
 * @throws {Error} When it refuses one of the settings.
 */
export async function openTunnelDevice(
  options: TunnelOptions,
): Promise<TunDevice> {
  const { netns } = options;
  const within = netns === undefined ? {} : { netns };
  const tun = openTun({ name: NAME, ...within });
  try {
    using netlink = new Netlink(within);
    for (const result of await netlink.apply(settings(tun.name, options))) {
      if (result.error === null || result.error.code === "EEXIST") continue;
      const { code, message } = result.error;
      throw new Error(
        `Cannot set ${result.change.kind} of ${tun.name}: ${code} (${message})`,
      );
    }
    return tun;
  } catch (error) {
    libc().close(tun.fd);
    throw error;
  }
}

/** The tunnel's own address: the first of the subnet. */
export function tunnelAddress(subnet: string): string {
  return addressAt(parseCidr(subnet), 0);
}

function settings(device: string, options: TunnelOptions): NetlinkChange[] {
  const { network, subnet, mtu } = options;
  return [
    {
      kind: "address",
      op: "add",
      address: {
        device,
        family: 4,
        address: tunnelAddress(subnet),
        prefixLength: 32,
      },
    },
    { kind: "link", op: "set", name: device, mtu, up: true },
    {
      kind: "route",
      op: "add",
      route: {
        family: 4,
        dst: network,
        device,
        scope: 0,
        protocol: FLANDOC_PROTOCOL,
      },
    },
  ];
}
