/**
 * Difference between wanted and observed routes. Checks, repairs and the
 * agent all judge by it.
 *
 * @module
 */
import { sameAddress } from "./cidr.ts";
import type { LocalNode, WantedRoute } from "./expected_types.ts";
import {
  BOOT_PROTOCOL,
  defaultMetric,
  type Family,
  FLANDOC_PROTOCOL,
  MAIN_TABLE,
  type PolicyRule,
  type Route,
} from "./kernel.ts";
import type { NetworkConfig } from "./network_config_types.ts";
import { findShadows, type Shadow, type WantedRoutes } from "./route_shadow.ts";
import { staleReason, type StaleRoute } from "./route_stale.ts";

/** Attributes in which a route can differ from the wanted one. */
export type RouteAttribute =
  | "type"
  | "gateway"
  | "device"
  | "onlink"
  | "nexthops";

/** An observed route that takes a wanted one's place. */
export interface WrongRoute {
  readonly wanted: WantedRoute;
  readonly observed: Route;
  /** What differs, at least one. */
  readonly differs: readonly RouteAttribute[];
}

/** A wanted route that is there. */
export interface PresentRoute {
  readonly wanted: WantedRoute;
  readonly observed: Route;
}

/** Everything that differs. */
export interface RouteDiff {
  readonly present: readonly PresentRoute[];
  readonly missing: readonly WantedRoute[];
  readonly wrong: readonly WrongRoute[];
  readonly stale: readonly StaleRoute[];
  readonly shadowed: readonly Shadow[];
  /** Routes that lead the own subnet through a gateway or flannel device. */
  readonly ownSubnet: readonly Route[];
  /** Present routes whose hop the kernel says is down or dead. */
  readonly linkDown: readonly PresentRoute[];
}

/** What is compared. */
export interface RouteDiffInput {
  readonly wanted: readonly WantedRoute[];
  /** Routes of all tables and both families. */
  readonly observed: readonly Route[];
  readonly config: NetworkConfig;
  readonly node: LocalNode;
  /** Policy rules, for shadows; without them none is found by rule. */
  readonly rules?: readonly PolicyRule[];
  /**
   * All wanted routes, where `wanted` and `observed` are without those that
   * are there as wanted. @default `wanted`
   */
  readonly all?: WantedRoutes | undefined;
}

/** In which attributes an observed route differs from a wanted one. */
export function routeDifferences(
  wanted: WantedRoute,
  observed: Route,
): RouteAttribute[] {
  const differs: RouteAttribute[] = [];
  if (observed.type !== "unicast") differs.push("type");
  if (observed.nexthops !== undefined && observed.nexthops.length > 0) {
    differs.push("nexthops");
    return differs;
  }
  if (!sameAddress(observed.gateway, wanted.gateway)) differs.push("gateway");
  if (observed.device !== wanted.device) differs.push("device");
  if (observed.onlink !== wanted.onlink) differs.push("onlink");
  return differs;
}

function keyOf(family: Family, dst: string): string {
  return `${family} ${dst}`;
}

/** Main-table routes with TOS 0 by destination, in the order of the dump. */
function byDestination(routes: readonly Route[]): Map<string, Route[]> {
  const map = new Map<string, Route[]>();
  for (const route of routes) {
    if (route.table !== MAIN_TABLE || route.tos !== 0) continue;
    const key = keyOf(route.family, route.dst);
    const list = map.get(key);
    if (list === undefined) map.set(key, [route]);
    else list.push(route);
  }
  return map;
}

/** The route of a destination that the kernel uses: least metric, first. */
function effective(routes: readonly Route[]): Route {
  return routes.reduce((best, r) => (r.metric < best.metric ? r : best));
}

/** Whether a route leads the own subnet away from its bridge. */
function leadsAway(route: Route): boolean {
  return route.type === "unicast" &&
    (route.gateway !== null || route.nexthops !== undefined ||
      (route.device !== null && /^flannel/.test(route.device) &&
        route.protocol !== 2));
}

/** Wanted routes against the observed ones of the same destination. */
function compare(
  wanted: readonly WantedRoute[],
  observed: ReadonlyMap<string, readonly Route[]>,
): {
  present: PresentRoute[];
  missing: WantedRoute[];
  wrong: WrongRoute[];
  overruled: Shadow[];
} {
  const present: PresentRoute[] = [];
  const missing: WantedRoute[] = [];
  const wrong: WrongRoute[] = [];
  const overruled: Shadow[] = [];
  for (const route of wanted) {
    const same = observed.get(keyOf(route.family, route.dst));
    if (same === undefined) {
      missing.push(route);
      continue;
    }
    const first = effective(same);
    const differs = routeDifferences(route, first);
    if (differs.length === 0) {
      present.push({ wanted: route, observed: first });
      continue;
    }
    const equal = same.find((r) => routeDifferences(route, r).length === 0);
    if (equal !== undefined) {
      present.push({ wanted: route, observed: equal });
      overruled.push({ wanted: route, kind: "lower-metric", by: first });
    } else wrong.push({ wanted: route, observed: first, differs });
  }
  return { present, missing, wrong, overruled };
}

/**
 * Compares wanted with observed routes.
 *
 * A wanted route is present when the route that the kernel uses for its
 * destination has its gateway, device and onlink flag; protocol, scope,
 * metric and source are not compared, as in flannel. Work grows as
 * n log n with the number of routes.
 */
export function diffRoutes(input: RouteDiffInput): RouteDiff {
  const { wanted, config, node, all } = input;
  const observed = byDestination(input.observed);
  const { present, missing, wrong, overruled } = compare(wanted, observed);
  const wantedKeys = new Set(wanted.map((r) => keyOf(r.family, r.dst)));
  const own = new Set<string>();
  if (node.lease !== null) {
    const { subnet, ipv6Subnet } = node.lease;
    if (subnet !== null) own.add(keyOf(4, subnet));
    if (ipv6Subnet !== null) own.add(keyOf(6, ipv6Subnet));
  }
  const stale: StaleRoute[] = [];
  const ownSubnet: Route[] = [];
  const stray = staleReason(config, node);
  for (const [key, routes] of observed) {
    if (wantedKeys.has(key) || all?.has(routes[0]!.dst)) continue;
    for (const route of routes) {
      if (own.has(key)) {
        if (leadsAway(route)) ownSubnet.push(route);
        continue;
      }
      const reason = stray(route);
      if (reason !== null) stale.push({ route, reason });
    }
  }
  const strays = new Set(stale.map((s) => s.route));
  const shadowed = [
    ...overruled,
    ...findShadows({
      wanted,
      observed: input.observed.filter((r) => !strays.has(r)),
      wantedKeys,
      rules: input.rules ?? [],
      node,
      all,
    }),
  ];
  const linkDown = present.filter((p) => p.observed.down);
  return { present, missing, wrong, stale, shadowed, ownSubnet, linkDown };
}

/**
 * Whether a present route is flanneld's and can be marked as flandoc's: boot
 * protocol and the default metric, so that a replace hits exactly it.
 */
export function isAdoptable(route: Route): boolean {
  return route.protocol === BOOT_PROTOCOL &&
    route.metric === defaultMetric(route.family);
}

/** Whether a route was made by `flandoc run`. */
export function isOurs(route: Route): boolean {
  return route.protocol === FLANDOC_PROTOCOL;
}
