/**
 * Expected state of the vxlan backend.
 *
 * @module
 */
import type { ExpectationInput } from "./expected.ts";
import { directRoutes } from "./expected_hostgw.ts";
import { peersOf } from "./expected_peers.ts";
import type {
  ExpectedState,
  IgnoredPeer,
  WantedDevice,
  WantedFdb,
  WantedNeighbour,
  WantedRoute,
} from "./expected_types.ts";
import { isHostAddress } from "./host_address.ts";
import type { Family } from "./kernel.ts";
import type { Lease } from "./lease.ts";
import { vtepMac } from "./lease_value.ts";
import { vxlanDeviceMtu } from "./mtu.ts";
import type { VxlanOptions } from "./network_config_types.ts";

/** Port of vxlan devices when none is configured: the kernel's, not IANA's. */
export const KERNEL_VXLAN_PORT = 8472;

const FAMILIES = [4, 6] as const;

/** Name of the device: `flannel.1`, `flannel-v6.1`. */
export function vxlanDeviceName(family: Family, vni: number): string {
  return family === 4 ? `flannel.${vni}` : `flannel-v6.${vni}`;
}

/** What the peers need, family by family. */
interface PeerParts {
  readonly routes: WantedRoute[];
  readonly neighbours: WantedNeighbour[];
  readonly fdb: WantedFdb[];
}

function networkAddress(subnet: string): string {
  return subnet.slice(0, subnet.indexOf("/"));
}

/** What a peer needs in one family to be reached through the tunnel. */
interface Tunnelled {
  readonly route: WantedRoute;
  readonly neighbour: WantedNeighbour;
  readonly entry: WantedFdb;
}

function encapsulated(
  peer: Lease,
  family: Family,
  vni: number,
): Tunnelled | null {
  const { attributes } = peer;
  const subnet = family === 4 ? peer.subnet! : peer.ipv6Subnet!;
  const data = family === 4 ? attributes.backendData : attributes.backendV6Data;
  const dst = family === 4 ? attributes.publicIP : attributes.publicIPv6;
  const mac = vtepMac(data);
  if (mac === null || dst === null || !isHostAddress(dst)) return null;
  const device = vxlanDeviceName(family, vni);
  const address = networkAddress(subnet);
  return {
    route: {
      family,
      dst: subnet,
      gateway: address,
      device,
      onlink: true,
      peer,
    },
    neighbour: { device, family, address, mac, peer },
    entry: { device, mac, dst, peer },
  };
}

/**
 * Adds what one vxlan peer needs on this host: route, neighbour and FDB entry
 * for each family, or just a route through its address where DirectRouting
 * holds.
 *
 * @returns why the peer is left alone, whole or in one family; null when it
 * has all that its subnets ask for. A node of a dual-stack network may have one
 * family only, and lacks nothing then.
 */
function addPeer(
  parts: PeerParts,
  peer: Lease,
  { node, config, onLinkBy = () => null }: ExpectationInput,
  options: VxlanOptions,
): IgnoredPeer["reason"] | null {
  let reached = 0;
  let unreachable = 0;
  const direct = options.directRouting ? directRoutes(peer, node, config) : [];
  for (const family of FAMILIES) {
    const on = family === 4 ? config.ipv4 : config.ipv6;
    const subnet = family === 4 ? peer.subnet : peer.ipv6Subnet;
    if (on === null || subnet === null) continue;
    const near = direct.find((r) => r.family === family);
    // A host may have legs on several segments.
    const device = near === undefined ? null : onLinkBy(near.gateway!);
    if (near !== undefined && device !== null) {
      parts.routes.push({ ...near, device });
      reached++;
      continue;
    }
    const far = encapsulated(peer, family, options.vni);
    if (far === null) {
      unreachable++;
      continue;
    }
    parts.routes.push(far.route);
    parts.neighbours.push(far.neighbour);
    parts.fdb.push(far.entry);
    reached++;
  }
  if (reached === 0) return unreachable === 0 ? "no-subnet" : "backend-data";
  return unreachable === 0 ? null : "one-family";
}

/** The device of one family, or null where it has no address to carry. */
function vxlanDevice(
  input: ExpectationInput,
  options: VxlanOptions,
  family: Family,
  mtu: number,
): WantedDevice | null {
  const { node } = input;
  const lease = node.lease;
  const subnet = family === 4 ? lease?.subnet : lease?.ipv6Subnet;
  if (lease === null || subnet === null || subnet === undefined) return null;
  const { backendData, backendV6Data } = lease.attributes;
  return {
    name: vxlanDeviceName(family, options.vni),
    kind: "vxlan",
    mtu: vxlanDeviceMtu(family, mtu, node.deviceMtu),
    mac: vtepMac(family === 4 ? backendData : backendV6Data),
    address: `${networkAddress(subnet)}/${family === 4 ? 32 : 128}`,
    family,
    vxlan: {
      vni: options.vni,
      port: options.port === 0 ? KERNEL_VXLAN_PORT : options.port,
      // v0.27.4 and newer set the public address, which behind NAT is not one
      // of this host's; the interface's own serves both cases.
      local: family === 4 ? node.address : node.ipv6Address,
      lower: node.device,
      learning: options.learning,
      gbp: options.gbp,
    },
  };
}

/**
 * vxlan: a device for each family; for each peer a neighbour, an FDB entry
 * and an onlink route, or a direct route when DirectRouting finds it on-link.
 *
 * Source: flannel v0.28.9 pkg/backend/vxlan.
 */
export function expectVxlan(
  input: ExpectationInput,
  mtu: number,
): Omit<ExpectedState, "mtu"> {
  const { config, node, leases } = input;
  const options = config.vxlan!;
  const { peers, ignored } = peersOf(leases, node, "vxlan");
  const left: IgnoredPeer[] = [...ignored];
  const parts: PeerParts = { routes: [], neighbours: [], fdb: [] };
  for (const peer of peers) {
    const reason = addPeer(parts, peer, input, options);
    if (reason !== null) left.push({ peer, reason });
  }
  const devices = FAMILIES
    .filter((f) => (f === 4 ? config.ipv4 : config.ipv6) !== null)
    .map((f) => vxlanDevice(input, options, f, mtu))
    .filter((d) => d !== null);
  return { devices, ...parts, ignored: left };
}
