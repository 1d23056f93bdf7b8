/**
 * What the route checks share: the diff, which devices can carry a route at
 * all, and which next hops the kernel accepts.
 *
 * @module
 */
import { settle } from "../../flannel/contested.ts";
import { isOwn } from "../../flannel/expected_peers.ts";
import type {
  ExpectedState,
  LocalNode,
  WantedRoute,
} from "../../flannel/expected_types.ts";
import {
  type Link,
  MAIN_TABLE,
  type PolicyRule,
  type Route,
} from "../../flannel/kernel.ts";
import { formatCidr } from "../../flannel/cidr.ts";
import type { Lease, LeaseRecord } from "../../flannel/lease.ts";
import type { NetworkConfig } from "../../flannel/network_config_types.ts";
import { parseLeases } from "../../flannel/parse_lease.ts";
import {
  isOnLinkRoute,
  routeDecider,
  routeDevices,
} from "../../flannel/route_decision.ts";
import {
  diffRoutes,
  type RouteDiff,
  routeDifferences,
} from "../../flannel/route_diff.ts";
import type { StaleRoute } from "../../flannel/route_stale.ts";
import { parseSubnetKey } from "../../flannel/subnet_key.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";

/** Facts that the route diff is made of. */
export interface RouteFacts {
  readonly expected: ExpectedState;
  readonly routes: readonly Route[];
  readonly rules: readonly PolicyRule[];
  readonly config: NetworkConfig;
  readonly node: LocalNode;
}

/** A subnet that several hosts claim, with a route to none of them. */
export interface ContestedRoute {
  readonly claims: readonly WantedRoute[];
  /** What is in its place, or null. */
  readonly observed: Route | null;
}

/** A diff in which no two routes to one subnet are wanted. */
export interface SettledDiff extends RouteDiff {
  readonly contested: readonly ContestedRoute[];
}

/** Diffs made, by the state they are against: six checks ask for the same. */
const DIFFS = new WeakMap<
  ExpectedState,
  { readonly of: RouteFacts; readonly diff: SettledDiff }
>();

/**
 * A function that says whether a wanted route is the one the kernel uses for
 * its destination: of least metric, the first.
 */
function routesInUse(
  routes: readonly Route[],
): (wanted: WantedRoute) => boolean {
  let best: Map<string, Route> | undefined;
  return (wanted) => {
    best ??= routes.reduce((map, route) => {
      if (route.table !== MAIN_TABLE || route.tos !== 0) return map;
      const other = map.get(route.dst);
      return other !== undefined && other.metric <= route.metric
        ? map
        : map.set(route.dst, route);
    }, new Map<string, Route>());
    const route = best.get(wanted.dst);
    return route !== undefined && routeDifferences(wanted, route).length === 0;
  };
}

/** Routes wanted and found, those of contested subnets apart. */
function settledDiff(facts: RouteFacts): SettledDiff {
  const { expected, routes, rules, config, node } = facts;
  const { wanted, rivals } = settle(expected.routes, {
    place: ({ family, dst }) => `${family} ${dst}`,
    content: ({ gateway, device }) => `${gateway} ${device}`,
    isThere: routesInUse(routes),
  });
  const diff = diffRoutes({ wanted, observed: routes, rules, config, node });
  if (rivals.size === 0) return { ...diff, contested: [] };
  const of = (route: WantedRoute, observed: Route | null) => {
    const claims = rivals.get(route);
    return claims === undefined ? [] : [{ claims, observed }];
  };
  return {
    ...diff,
    missing: diff.missing.filter((route) => !rivals.has(route)),
    wrong: diff.wrong.filter((route) => !rivals.has(route.wanted)),
    contested: [
      ...diff.missing.flatMap((route) => of(route, null)),
      ...diff.wrong.flatMap(({ wanted, observed }) => of(wanted, observed)),
    ],
  };
}

/** Difference between the routes the records imply and those there are. */
export function routeDiff(facts: RouteFacts): SettledDiff {
  const { expected, routes, rules, config, node } = facts;
  const made = DIFFS.get(expected);
  if (
    made !== undefined && made.of.routes === routes &&
    made.of.rules === rules && made.of.config === config &&
    made.of.node === node
  ) return made.diff;
  const diff = settledDiff(facts);
  DIFFS.set(expected, { of: facts, diff });
  return diff;
}

/**
 * Subnets whose record is there and cannot be read (FD206): somebody holds
 * them, though nobody can say who.
 */
function unreadableSubnets(records: readonly LeaseRecord[]): Set<string> {
  const keys = parseLeases(records).problems
    .filter(({ part }) => part === "value")
    .map(({ record }) => parseSubnetKey(record.key));
  return new Set(
    keys.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6])
      .filter((cidr) => cidr !== null).map(formatCidr),
  );
}

/**
 * Routes that no record wants. One that leads a leased subnet to its owner is
 * the former backend's: packets take it for as long as the two hosts have not
 * both changed. One whose record cannot be read, or names nobody that could be
 * sent to (FD206), may be right: its host is there.
 */
export function staleRoutes(
  facts: RouteFacts & {
    readonly leases: readonly Lease[];
    readonly leaseRecords: readonly LeaseRecord[];
  },
): readonly StaleRoute[] {
  const { stale } = routeDiff(facts);
  if (stale.length === 0) return stale;
  const owned = new Set(facts.leases.flatMap((lease) => [
    `${lease.subnet} ${lease.attributes.publicIP}`,
    `${lease.ipv6Subnet} ${lease.attributes.publicIPv6}`,
  ]));
  const unread = unreadableSubnets(facts.leaseRecords);
  const unreached = new Set(
    facts.expected.ignored
      .filter(({ reason }) => reason !== "own" && reason !== "backend-type")
      .flatMap(({ peer }) => [peer.subnet, peer.ipv6Subnet]),
  );
  return stale.filter(({ route }) =>
    !owned.has(`${route.dst} ${route.gateway}`) && !unread.has(route.dst) &&
    !unreached.has(route.dst)
  );
}

/** Why a device cannot carry routes; null when it can. */
export function deviceTrouble(
  links: readonly Link[],
  device: string | null,
): "missing" | "down" | "carrier" | null {
  if (device === null) return null;
  const link = links.find((l) => l.name === device);
  if (link === undefined) return "missing";
  if (!link.up) return "down";
  return link.carrier ? null : "carrier";
}

/**
 * A function that says whether the kernel takes an address for a next hop on
 * a device: the best of that device's own routes has to reach it directly
 * (`fib_check_nh`).
 */
export function onLinkOn(
  routes: readonly Route[],
  device: string,
): (address: string) => boolean {
  const decide = routeDecider(
    routes.filter((route) =>
      route.table === MAIN_TABLE && routeDevices(route).includes(device)
    ),
    [],
  );
  return (address) => {
    const route = decide({ destination: address })?.route ?? null;
    return route !== null && isOnLinkRoute(route);
  };
}

/** Whether a wanted route leads through a peer's own address. */
export function isDirect(route: WantedRoute, node: LocalNode): boolean {
  return !route.onlink && route.gateway !== null &&
    route.device === node.device;
}

/** Leases that this host sends to, whatever way. */
export function sentTo(
  leases: readonly Lease[],
  expected: ExpectedState,
  node: LocalNode,
): Lease[] {
  const ignored = new Set(expected.ignored.map(({ peer }) => peer.key));
  return leases.filter((lease) =>
    !isOwn(lease, node) && !ignored.has(lease.key)
  );
}

/** The skip of checks that compare routes: there are none to compare. */
export function unlessRoutes(facts: Facts): "no-routes" | undefined {
  const expected = valueOf(facts.expected);
  return expected?.routes.length === 0 ? "no-routes" : undefined;
}

/** Text of that skip. */
export const NO_ROUTES = {
  en: { "no-routes": "the records imply no route: there is no peer" },
  zh: { "no-routes": "记录中没有对端，不需要任何路由" },
} as const;
