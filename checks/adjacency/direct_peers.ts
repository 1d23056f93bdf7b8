/**
 * Peers whose packets go without encapsulation, so that the segment between
 * the hosts has to carry container addresses.
 *
 * @module
 */
import type {
  ExpectedState,
  LocalNode,
  WantedRoute,
} from "../../flannel/expected_types.ts";
import {
  isOnLinkRoute,
  type RouteDecider,
  routeDevices,
} from "../../flannel/route_decision.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";

/** A peer that is a next hop on the external interface. */
export interface DirectPeer {
  readonly route: WantedRoute;
  readonly subnet: string;
  /** Its public IP: the next hop. */
  readonly address: string;
  /** Seconds its lease has left; null for a reservation. */
  readonly ttl: number | null;
}

/** Every IPv4 peer that is routed to directly: host-gw, DirectRouting. */
export function directPeers(
  expected: ExpectedState,
  node: LocalNode,
): DirectPeer[] {
  return expected.routes
    .filter((route) =>
      route.family === 4 && !route.onlink && route.gateway !== null &&
      route.device === node.device
    )
    .map((route) => ({
      route,
      subnet: route.dst,
      address: route.gateway!,
      ttl: route.peer.ttl,
    }));
}

/**
 * Direct peers that the kernel finds on the external interface's segment.
 * Others never hear an ARP request of ours; FD407 and FD408 name them.
 */
export function adjacentPeers(
  expected: ExpectedState,
  node: LocalNode,
  decide: RouteDecider,
): DirectPeer[] {
  return directPeers(expected, node).filter(({ address }) => {
    const route = decide({ destination: address })?.route ?? null;
    return route !== null && isOnLinkRoute(route) &&
      routeDevices(route).includes(node.device);
  });
}

/** The skip of checks that only direct peers give something to judge. */
export function unlessDirectPeers(
  facts: Facts,
): "no-direct-peers" | undefined {
  const expected = valueOf(facts.expected);
  const node = valueOf(facts.node);
  if (!expected || !node) return undefined;
  return directPeers(expected, node).length === 0
    ? "no-direct-peers"
    : undefined;
}

/** Text of that skip. */
export const NO_DIRECT_PEERS = {
  en: {
    "no-direct-peers":
      "no peer is reached without encapsulation, so nothing depends on the segment",
  },
  zh: {
    "no-direct-peers": "没有不经封装直达的对端，不依赖二层网络",
  },
} as const;
