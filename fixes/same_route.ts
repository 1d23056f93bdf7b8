import { sameAddress } from "../flannel/cidr.ts";
import type { Route } from "../flannel/kernel.ts";

/**
 * What the kernel holds one route for: a replace takes the place of the route
 * with the same destination, table, metric and TOS.
 */
export function routeSlot(route: Route): string {
  const { family, dst, table, metric, tos } = route;
  return `${family} ${dst} ${table} ${metric} ${tos}`;
}

/** Whether two routes are one: all that was asked for, not whether it is up. */
export function sameRoute(a: Route, b: Route): boolean {
  return routeSlot(a) === routeSlot(b) && a.type === b.type &&
    a.protocol === b.protocol && a.scope === b.scope &&
    sameAddress(a.gateway, b.gateway) && a.device === b.device &&
    a.onlink === b.onlink && a.prefsrc === b.prefsrc && a.mtu === b.mtu &&
    hopsOf(a) === hopsOf(b);
}

function hopsOf({ nexthops = [] }: Route): string {
  return nexthops.map(({ gateway, device, weight, onlink }) =>
    [gateway, device, weight, onlink].join(" ")
  ).join(", ");
}
