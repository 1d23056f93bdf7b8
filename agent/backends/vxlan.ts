import { vxlanDeviceName } from "../../flannel/expected_vxlan.ts";
import type { Link } from "../../flannel/kernel.ts";
import { vtepMac } from "../../flannel/lease_value.ts";
import { readSysctl, sysctlKey, writeSysctl } from "../../host/sysctl.ts";
import {
  type Backend,
  type BackendContext,
  plainAttributes,
} from "./backend.ts";

/** Six random bytes as a local unicast address, as flannel makes them. */
function randomMac(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  bytes[0] = (bytes[0]! & 0xfe) | 0x02;
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join(":");
}

/**
 * MAC of a device: the one it has, else the one our lease already tells the
 * others, else a random one. It is kept for the agent's life, so that a device
 * made anew is no news to the peers (flannel makes up another one then).
 */
class Mac {
  #mac: string | null;

  constructor(links: readonly Link[], name: string) {
    const link = links.find((l) => l.name === name && l.kind === "vxlan");
    this.#mac = link?.mac ?? null;
  }

  get(published: unknown): string {
    return this.#mac ??= vtepMac(published) ?? randomMac();
  }
}

/**
 * vxlan: a tunnel device for each family, whose MAC the lease publishes.
 *
 * Source: flannel v0.28.9 pkg/backend/vxlan/vxlan.go.
 */
export function vxlan(context: BackendContext): Backend {
  const { config, node, links, publishesVni } = context;
  const { vni } = config.vxlan!;
  const macs = {
    4: new Mac(links, vxlanDeviceName(4, vni)),
    6: new Mac(links, vxlanDeviceName(6, vni)),
  };
  const data = (family: 4 | 6, published: unknown) => {
    const VtepMAC = macs[family].get(published);
    return publishesVni ? { VNI: vni, VtepMAC } : { VtepMAC };
  };
  return {
    type: "vxlan",
    attributes: (existing) => ({
      ...plainAttributes(node, "vxlan"),
      backendData: config.ipv4 === null
        ? null
        : data(4, existing?.attributes.backendData),
      backendV6Data: config.ipv6 === null
        ? null
        : data(6, existing?.attributes.backendV6Data),
    }),
    onDevice(name) {
      // flannel v0.13 on; a router's advertisement is not for a tunnel. Null
      // where the kernel has no IPv6, or the device went this moment.
      const key = sysctlKey("net.ipv6.conf", name, "accept_ra");
      const value = readSysctl(key);
      if (value === null || value === "0") return false;
      writeSysctl(key, "0");
      return true;
    },
  };
}
