/**
 * What flannel's network sends as frames: by which devices and bridges, and
 * which of nftables' chains it meets there before and after all routing.
 *
 * @module
 */
import {
  familyOf,
  incomingPackets,
  outgoingPackets,
  type Overlay,
} from "./overlay_traffic.ts";
import type { PacketClass } from "./packet_class.ts";
import type { Chain } from "./rule.ts";
import type { ChainChoice } from "./walk.ts";

/** A bridge whose ports frames pass. */
export interface FrameBridge {
  readonly name: string;
  /** Ports by which they may come to it and leave it. */
  readonly ports: readonly string[];
}

/** A device, with what its frames pass besides. */
export interface FrameDevice {
  readonly name: string;
  /** Devices that carry its frames: ports of a bond, the lower of a VLAN. */
  readonly below: readonly string[];
  /** Bridges that its frames pass: itself, or those below it. */
  readonly bridges: readonly FrameBridge[];
  /** Whether it asks for link-layer addresses. */
  readonly arp: boolean;
  readonly mac: string | null;
  /**
   * MACs that send ARP to it, of all who do.
   * @default not known
   */
  readonly senders?: readonly string[];
  /** Whether the frames are tagged on the devices below. */
  readonly tagged: boolean;
}

/** One family of the network, as seen from the wire. */
export interface Underlay {
  readonly overlay: Overlay;
  readonly external: FrameDevice;
  /** Tunnel devices that overlay traffic passes. */
  readonly tunnels: readonly FrameDevice[];
  /** The containers' bridge; null where there is none. */
  readonly bridge: FrameDevice | null;
  /** This host's own addresses on the wire, CIDRs. */
  readonly own: readonly string[];
  /** Public addresses of other hosts that the tunnel reaches, CIDRs. */
  readonly peers: readonly string[];
  /** Addresses that ARP asks for there: of peers and gateways, CIDRs. */
  readonly neighbours: readonly string[];
  /** UDP port of the tunnel; null without one. */
  readonly port: number | null;
  /**
   * Whether both ends send from that port, so that for conntrack what one
   * sends answers the other: so does udp, and vxlan does not.
   */
  readonly answers: boolean;
}

/** What a frame carries of flannel's. */
export type FrameKind = "arp" | "tunnel" | "containers";

/** A class of frames and the chains it meets at one place. */
export interface FrameTraffic {
  readonly kind: FrameKind;
  /** Whether it comes in by the device or leaves by it. */
  readonly direction: "in" | "out";
  readonly device: FrameDevice;
  readonly packets: PacketClass;
  readonly choice: ChainChoice;
}

type Direction = FrameTraffic["direction"];

/** Whether a chain of a device hook is on one of them; unknown ones are. */
export function isOn(
  { devices }: Pick<Chain, "devices">,
  names: readonly string[],
): boolean {
  return devices === undefined ||
    devices.some((device) =>
      device.endsWith("*")
        ? names.some((name) => name.startsWith(device.slice(0, -1)))
        : names.includes(device)
    );
}

/** The hooks of one device that a class of frames passes. */
function places(
  device: FrameDevice,
  kind: FrameKind,
  direction: Direction,
  packets: PacketClass,
): FrameTraffic[] {
  const { name, below, bridges, tagged, mac } = device;
  const isArp = kind === "arp";
  const carries = isArp
    ? "arp"
    : packets.source[0]!.includes(":")
    ? "ip6"
    : "ip";
  const names = [name, ...below];
  const [side, other] = direction === "in"
    ? ["inDevice", "outDevice"] as const
    : ["outDevice", "inDevice"] as const;
  const senders = direction === "in"
    ? device.senders
    : mac === null
    ? undefined
    : [mac];
  const { inDevice: _in, outDevice: _out, ...bare } = packets;
  const traffic = (
    choice: ChainChoice,
    bridge: string | null,
    known: Partial<PacketClass>,
    devices: readonly string[] = [],
  ): FrameTraffic => {
    const link = senders === undefined ? {} : { senders };
    const frame = { carries, bridge, tagged, devices, ...link } as const;
    const shape = { ...bare, [other]: null, ...known, frame };
    return { kind, direction, device, choice, packets: shape };
  };
  const hook = direction === "in" ? "ingress" : "egress";
  const found = [
    traffic(
      (chain, { family }) =>
        chain.hook === hook && isOn(chain, names) &&
        // Of inet, nf_tables shows ingress nothing but IP.
        (family === "netdev" || (family === "inet" && !isArp)),
      null,
      below.length === 0 ? { [side]: name } : {},
      names,
    ),
  ];
  if (isArp) {
    const arpHook = direction === "in" ? "input" : "output";
    found.push(
      traffic(
        (chain, { family }) => family === "arp" && chain.hook === arpHook,
        null,
        { [side]: name },
      ),
    );
  }
  const hooks = direction === "in"
    ? ["prerouting", "input"]
    : ["output", "postrouting"];
  for (const bridge of bridges) {
    for (const bridgeHook of hooks) {
      found.push(
        traffic(
          (chain, { family }) =>
            family === "bridge" && chain.hook === bridgeHook,
          bridge.name,
          {},
          bridge.ports,
        ),
      );
    }
  }
  return found;
}

function bothWays(
  device: FrameDevice,
  kind: FrameKind,
  into: PacketClass,
  out: PacketClass,
): FrameTraffic[] {
  const isEmpty = (packets: PacketClass) =>
    packets.source.length === 0 || packets.destination.length === 0;
  return [
    ...isEmpty(into) ? [] : places(device, kind, "in", into),
    ...isEmpty(out) ? [] : places(device, kind, "out", out),
  ];
}

function between(
  here: readonly string[],
  there: readonly string[],
  more: Partial<PacketClass> = {},
): [into: PacketClass, out: PacketClass] {
  return [
    { source: there, destination: here, ...more },
    { source: here, destination: there, ...more },
  ];
}

function externalTraffic(underlay: Underlay): FrameTraffic[] {
  const { external, overlay, own, peers, neighbours, port, answers } = underlay;
  const found: FrameTraffic[] = [];
  if (external.arp && familyOf(overlay) === 4) {
    found.push(...bothWays(external, "arp", ...between(own, neighbours)));
  }
  if (port !== null) {
    const sourcePort = answers ? { sourcePort: port } : {};
    const udp = { protocol: "udp", port, ...sourcePort };
    found.push(...bothWays(external, "tunnel", ...between(own, peers, udp)));
  }
  return found;
}

/** Everything flannel's network sends, by each device and in each direction. */
export function frameTraffic(underlay: Underlay): FrameTraffic[] {
  const { overlay, external, tunnels, bridge } = underlay;
  const carrying = [external, ...tunnels]
    .filter(({ name }) => overlay.overlayDevices.includes(name));
  const found = externalTraffic(underlay);
  for (const device of carrying) {
    const into = incomingPackets(overlay, device.name);
    const out = outgoingPackets(overlay, device.name);
    found.push(...bothWays(device, "containers", into, out));
  }
  if (bridge === null) return found;
  // What leaves this host's containers comes in by their bridge.
  const from = outgoingPackets(overlay, bridge.name);
  const to = incomingPackets(overlay, bridge.name);
  found.push(...bothWays(bridge, "containers", from, to));
  if (familyOf(overlay) === 4) {
    const { subnet } = overlay;
    found.push(...bothWays(bridge, "arp", ...between([subnet], [subnet])));
  }
  return found;
}
