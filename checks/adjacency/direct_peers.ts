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
import { isDirect } from "../routes/route_facts.ts";

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
    .filter((route) => route.family === 4 && isDirect(route, node))
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

/**
 * The skip of checks that only direct peers give something to judge. ARP and
 * the echo requests are IPv4: next hops of IPv6 are not asked. Nor are those
 * that DirectRouting reaches by another leg of this host.
 */
export function unlessDirectPeers(
  facts: Facts,
): "no-direct-peers" | "ipv6-only" | "other-interface" | undefined {
  const expected = valueOf(facts.expected);
  const node = valueOf(facts.node);
  if (!expected || !node) return undefined;
  const hops = expected.routes.filter(({ onlink, gateway }) =>
    !onlink && gateway !== null
  );
  const asked = hops.filter((route) => isDirect(route, node));
  if (asked.some(({ family }) => family === 4)) return undefined;
  if (hops.length > asked.length) return "other-interface";
  return hops.length > 0 ? "ipv6-only" : "no-direct-peers";
}

/** Texts of that skip. */
export const NO_DIRECT_PEERS = {
  en: {
    "no-direct-peers":
      "no peer is reached without encapsulation, so nothing depends on the segment",
    "ipv6-only":
      "the next hops are IPv6 addresses, which ARP and IPv4 echoes cannot ask",
    "other-interface":
      "the next hops are on another interface than the external one, and only that one's segment is asked",
  },
  zh: {
    "no-direct-peers": "没有不经封装直达的对端，不依赖二层网络",
    "ipv6-only": "下一跳都是 IPv6 地址，无法用 ARP 和 IPv4 回显探测",
    "other-interface":
      "下一跳在外部网卡以外的网卡上，而只探测外部网卡所在的网段",
  },
} as const;
