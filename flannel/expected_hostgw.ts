/**
 * Expected state of the host-gw backend.
 *
 * @module
 */
import type { ExpectationInput } from "./expected.ts";
import { peersOf } from "./expected_peers.ts";
import type {
  ExpectedState,
  IgnoredPeer,
  LocalNode,
  WantedRoute,
} from "./expected_types.ts";
import { isHostAddress } from "./host_address.ts";
import type { Lease } from "./lease.ts";
import type { NetworkConfig } from "./network_config_types.ts";

/**
 * Routes to one peer through its public addresses, one for each family that
 * both the network and the peer have.
 */
export function directRoutes(
  peer: Lease,
  node: LocalNode,
  config: NetworkConfig,
): WantedRoute[] {
  const { publicIP, publicIPv6 } = peer.attributes;
  const routes: WantedRoute[] = [];
  const common = { device: node.device, onlink: false, peer };
  if (
    config.ipv4 !== null && peer.subnet !== null && isHostAddress(publicIP)
  ) {
    routes.push({ ...common, family: 4, dst: peer.subnet, gateway: publicIP });
  }
  if (
    config.ipv6 !== null && peer.ipv6Subnet !== null && publicIPv6 !== null &&
    isHostAddress(publicIPv6)
  ) {
    const dst = peer.ipv6Subnet;
    routes.push({ ...common, family: 6, dst, gateway: publicIPv6 });
  }
  return routes;
}

/**
 * host-gw: one route a peer, `10.5.2.0/24 via 192.168.1.11 dev eth0`.
 *
 * Source: flannel v0.28.9 pkg/backend/hostgw/hostgw.go.
 */
export function expectDirect(
  input: ExpectationInput,
): Omit<ExpectedState, "mtu"> {
  const { leases, node, config } = input;
  const { peers, ignored } = peersOf(leases, node, "host-gw");
  const routes: WantedRoute[] = [];
  const left: IgnoredPeer[] = [...ignored];
  for (const peer of peers) {
    const own = directRoutes(peer, node, config);
    if (own.length === 0) left.push({ peer, reason: "no-subnet" });
    for (const route of own) routes.push(route);
  }
  return { devices: [], routes, neighbours: [], fdb: [], ignored: left };
}
