import type {
  FrameDevice,
  Underlay,
} from "../../flannel/firewall/frame_traffic.ts";
import { containsAddress, parseCidr } from "../../flannel/cidr.ts";
import { familyOf, type Overlay } from "../../flannel/firewall/mod.ts";
import { isHostAddress } from "../../flannel/host_address.ts";
import type { Lease } from "../../flannel/lease.ts";
import type { Link, Neighbour, Route } from "../../flannel/kernel.ts";
import type { NetworkConfig } from "../../flannel/network_config_types.ts";
import { containerBridge } from "../container_bridge.ts";
import { type OverlayFacts, overlaysOf } from "./overlay.ts";

/** Facts of which the frames are told. */
export interface UnderlayFacts extends OverlayFacts {
  readonly leases: readonly Lease[];
  readonly routes: readonly Route[];
  /** By them ARP's senders are told. @default not known */
  readonly neighbours?: readonly Neighbour[];
}

/** Devices that are made upon another, which then carries their frames. */
const UPON = new Set(["vlan", "macvlan", "ipvlan"]);

/** Devices that carry those of several. */
const OVER = new Set(["bridge", "bond", "team"]);

/** Ports by which a guest or container comes in, and no cable. */
const GUESTS = new Set(["veth", "tun"]);

function devicesBelow(name: string, links: readonly Link[]): string[] {
  const found: string[] = [];
  const visit = (upper: string) => {
    const link = links.find((each) => each.name === upper);
    const next = [
      ...UPON.has(link?.kind ?? "") && link?.lower ? [link.lower] : [],
      ...OVER.has(link?.kind ?? "")
        ? links.filter(({ master, kind }) =>
          master === upper && !GUESTS.has(kind ?? "")
        ).map((port) => port.name)
        : [],
    ].filter((each) => each !== name && !found.includes(each));
    found.push(...next);
    next.forEach(visit);
  };
  visit(name);
  return found;
}

/**
 * Ports by which other hosts come to a bridge: all but guests', and any where
 * there is no other, since a host may be a container itself.
 */
function uplinks(name: string, links: readonly Link[]): readonly Link[] {
  const ports = links.filter(({ master }) => master === name);
  const cables = ports.filter(({ kind }) => !GUESTS.has(kind ?? ""));
  return cables.length > 0 ? cables : ports;
}

function deviceOf(name: string, links: readonly Link[]): FrameDevice {
  const link = links.find((each) => each.name === name);
  const below = devicesBelow(name, links);
  const isBridge = (each: string) =>
    links.some((one) => one.name === each && one.kind === "bridge");
  return {
    name,
    below,
    bridges: [name, ...below].filter(isBridge).map((each) => ({
      name: each,
      ports: uplinks(each, links).map((port) => port.name),
    })),
    arp: link?.noArp === false,
    mac: link?.mac ?? null,
    tagged: link?.kind === "vlan",
  };
}

/** Its ports are containers: what one of them may send is not judged. */
function bridgeOf(name: string, links: readonly Link[]): FrameDevice {
  const ports = links.filter(({ master }) => master === name)
    .map((port) => port.name);
  return {
    ...deviceOf(name, links),
    below: [],
    bridges: [{ name, ports }],
  };
}

/** Leases of other hosts in a family: all that are reached, and by tunnel. */
interface Others {
  readonly reached: readonly Lease[];
  readonly tunnelled: readonly Lease[];
}

/**
 * vxlan has a neighbour for whom it tunnels to, and none for whom DirectRouting
 * reaches. udp has one route for all, whose peer is the own lease.
 */
function othersOf(
  family: 4 | 6,
  { config, leases, expected }: UnderlayFacts,
): Others {
  if (config.udpPort !== undefined) {
    const left = new Set(expected.ignored.map(({ peer }) => peer.key));
    const others = leases.filter(({ key }) => !left.has(key));
    return { reached: others, tunnelled: others };
  }
  const within = (wanted: readonly { family: 4 | 6; peer: Lease }[]) => [
    ...new Set(
      wanted.filter((each) => each.family === family).map(({ peer }) => peer),
    ),
  ];
  return {
    reached: within(expected.routes),
    tunnelled: within(expected.neighbours),
  };
}

function publicAddresses(
  leases: readonly Lease[],
  family: 4 | 6,
): string[] {
  return leases.flatMap(({ attributes }) => {
    const address = family === 4 ? attributes.publicIP : attributes.publicIPv6;
    return address !== null && isHostAddress(address) ? [address] : [];
  });
}

/** UDP port of the tunnel (kernel `vxlan`'s default 8472), or null. */
function tunnelPort(config: NetworkConfig): number | null {
  if (config.vxlan !== undefined) return config.vxlan.port || 8472;
  return config.udpPort ?? null;
}

function single(addresses: readonly (string | null)[]): string[] {
  const known = addresses.filter((each) => each !== null);
  return [...new Set(known)].map((address) =>
    `${address}/${address.includes(":") ? 128 : 32}`
  );
}

/** States of an entry that was learnt, and not given or failed. */
const LEARNT = new Set(["REACHABLE", "STALE", "DELAY", "PROBE"]);

/**
 * MACs of those addresses that are on the external interface's own network;
 * undefined unless each of them is known.
 */
function sendersOf(
  addresses: readonly string[],
  { node, routes, neighbours = [] }: UnderlayFacts,
): readonly string[] | undefined {
  const around = routes.filter(({ device, gateway, dst, family }) =>
    device === node.device && gateway === null && family === 4 &&
    !dst.endsWith("/0")
  ).map(({ dst }) => parseCidr(dst));
  const near = addresses.filter((address) =>
    around.some((cidr) => containsAddress(cidr, address))
  );
  const macs = near.map((address) =>
    neighbours.find((each) =>
      each.device === node.device && each.address === address &&
      LEARNT.has(each.state)
    )?.mac ?? null
  );
  const known = macs.filter((mac) => mac !== null);
  return known.length === macs.length && known.length > 0 ? known : undefined;
}

function underlayOf(overlay: Overlay, facts: UnderlayFacts): Underlay {
  const { config, node, expected, links, routes } = facts;
  const family = familyOf(overlay);
  const { reached, tunnelled } = othersOf(family, facts);
  const gateways = routes.filter((route) =>
    route.family === family && route.device === node.device
  ).flatMap(({ gateway }) => gateway === null ? [] : [gateway]);
  const neighbours = [...publicAddresses(reached, family), ...gateways];
  const senders = family === 4 ? sendersOf(neighbours, facts) : undefined;
  const bridge = containerBridge(facts);
  return {
    overlay,
    external: {
      ...deviceOf(node.device, links),
      ...senders === undefined ? {} : { senders },
    },
    tunnels: overlay.overlayDevices.filter((name) => name !== node.device)
      .map((name) => deviceOf(name, links)),
    bridge: bridge === null ? null : bridgeOf(bridge, links),
    own: single([family === 4 ? node.address : node.ipv6Address]),
    peers: single(publicAddresses(tunnelled, family)),
    neighbours: single(neighbours),
    answers: config.udpPort !== undefined,
    port: expected.devices.some((device) => device.family === family)
      ? tunnelPort(config)
      : null,
  };
}

/** The network as seen from the wire, once for each family. */
export function underlaysOf(facts: UnderlayFacts): Underlay[] {
  return overlaysOf(facts).map((overlay) => underlayOf(overlay, facts));
}
