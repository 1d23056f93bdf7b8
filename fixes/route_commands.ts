/**
 * Routes as a person types them, with every attribute.
 *
 * @module
 */
import { deleteRouteCommand, formatRoute } from "../flannel/format.ts";
import type { Route } from "../flannel/kernel.ts";
import { routeSlot } from "./same_route.ts";

function tool(route: Route): string {
  return route.family === 6 ? "ip -6 route" : "ip route";
}

/** A route in one line, without what only the kernel sets. */
function words(route: Route): string {
  const nexthops = route.nexthops?.map((hop) => ({ ...hop, down: false }));
  return formatRoute({
    ...route,
    down: false,
    ...(nexthops === undefined ? {} : { nexthops }),
  }).replaceAll("\n\t", " ");
}

/** The commands that bring one route from `before` to `after`. */
export function routeCommands(
  before: Route | null,
  after: Route | null,
): string[] {
  if (after === null) {
    return before === null ? [] : [deleteRouteCommand(before)];
  }
  if (before === null) return [`${tool(after)} add ${words(after)}`];
  if (routeSlot(before) === routeSlot(after)) {
    return [`${tool(after)} replace ${words(after)}`];
  }
  return [`${tool(after)} add ${words(after)}`, deleteRouteCommand(before)];
}
