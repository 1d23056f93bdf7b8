/**
 * By which device an address is on-link, decided from a route list.
 *
 * @module
 */
import { type Cidr, ipv4Cidr, ipv6Cidr, tryParseCidr } from "./cidr.ts";
import { parseIpv4, parseIpv6 } from "./address.ts";
import { MAIN_TABLE, type Route } from "./kernel.ts";

/** Best route of one prefix, by its first address. */
type ByStart = Map<number | bigint, Route>;

/** Main-table routes by prefix length, longest first. */
function byLength(
  routes: readonly Route[],
  family: 4 | 6,
): [number, ByStart][] {
  const lengths = new Map<number, ByStart>();
  for (const route of routes) {
    if (route.family !== family || route.table !== MAIN_TABLE) continue;
    const cidr: Cidr | null = tryParseCidr(route.dst);
    if (cidr === null) continue;
    const starts: ByStart = lengths.get(cidr.prefixLength) ?? new Map();
    const before = starts.get(cidr.start);
    if (before === undefined || route.metric < before.metric) {
      starts.set(cidr.start, route);
    }
    lengths.set(cidr.prefixLength, starts);
  }
  return [...lengths].sort((a, b) => b[0] - a[0]);
}

/**
 * A lookup over main-table routes as the kernel's: longest prefix, then
 * lowest metric. Answers the route, or null. A lookup costs one map access
 * for each prefix length in use, however many routes there are.
 */
export function routeLookup(
  routes: readonly Route[],
): (address: string) => Route | null {
  const four = byLength(routes, 4);
  const six = byLength(routes, 6);
  return (address) => {
    const v4 = parseIpv4(address);
    if (v4 !== null) {
      for (const [length, starts] of four) {
        const hit = starts.get(ipv4Cidr(v4, length).start);
        if (hit !== undefined) return hit;
      }
      return null;
    }
    const v6 = parseIpv6(address);
    if (v6 === null) return null;
    for (const [length, starts] of six) {
      const hit = starts.get(ipv6Cidr(v6, length).start);
      if (hit !== undefined) return hit;
    }
    return null;
  };
}

/**
 * The device of the route to an address if that is unicast, has one hop and no
 * gateway, which is how flannel's DirectRouting decides; else null. Policy
 * rules are not looked at.
 */
export function onLinkBy(
  routes: readonly Route[],
): (address: string) => string | null {
  const lookup = routeLookup(routes);
  return (address) => {
    const route = lookup(address);
    return route !== null && route.type === "unicast" &&
        route.gateway === null && route.nexthops === undefined
      ? route.device
      : null;
  };
}
