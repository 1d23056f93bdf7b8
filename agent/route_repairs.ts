/**
 * Repairs of routes.
 *
 * @module
 */
import { formatRoute } from "../flannel/format.ts";
import { defaultMetric, FLANDOC_PROTOCOL } from "../flannel/kernel.ts";
import { diffRoutes, isAdoptable } from "../flannel/route_diff.ts";
import { isConnected } from "../flannel/route_owner.ts";
import type { Conflict, PlanInput, Repair } from "./repair.ts";
import { deleteRoute, ownRoute } from "./repair_changes.ts";

/** Adds the repairs of routes to a plan; answers what is left alone. */
export function planRoutes(input: PlanInput, repairs: Repair[]): Conflict[] {
  const { expected, observed, config, node, all } = input;
  const diff = diffRoutes({
    wanted: expected.routes,
    observed: observed.routes,
    config,
    node,
    all,
  });
  const conflicts: Conflict[] = [];
  const kind = "route" as const;
  const key = (r: { dst: string }) => `route ${r.dst}`;
  for (const route of diff.missing) {
    const change = ownRoute(route);
    repairs.push({
      kind,
      key: key(route),
      why: "missing",
      change,
      found: null,
    });
  }
  for (const { wanted, observed: there } of diff.wrong) {
    const found = formatRoute(there);
    // flanneld would take it away and cut this host off from that network.
    if (isConnected(there)) {
      conflicts.push({
        kind,
        key: key(wanted),
        message:
          `A device of this host holds the subnet of ${wanted.peer.attributes.publicIP}: ${found}`,
      });
      continue;
    }
    const change = ownRoute(wanted);
    repairs.push({ kind, key: key(wanted), why: "wrong", change, found });
  }
  for (const { wanted, by, kind: how } of diff.shadowed) {
    if (how === "policy-rule") continue;
    const found = formatRoute(by);
    const inPlace = how === "lower-metric" && !isConnected(by) &&
      by.metric === defaultMetric(by.family);
    if (inPlace) {
      const change = ownRoute(wanted);
      repairs.push({ kind, key: key(wanted), why: "wrong", change, found });
    } else {
      conflicts.push({
        kind,
        key: key(wanted),
        message: `Traffic to ${wanted.dst} is taken by another route: ${found}`,
      });
    }
  }
  for (const { route, reason } of diff.stale) {
    // What only looks like flannel's is an administrator's to remove.
    if (reason !== "ours") continue;
    const found = formatRoute(route);
    const change = deleteRoute(route);
    repairs.push({ kind, key: key(route), why: "stale", change, found });
  }
  for (const route of diff.ownSubnet) {
    const found = formatRoute(route);
    if (route.protocol === FLANDOC_PROTOCOL || isAdoptable(route)) {
      const change = deleteRoute(route);
      repairs.push({ kind, key: key(route), why: "stale", change, found });
    } else {
      conflicts.push({
        kind,
        key: key(route),
        message: `Our own subnet is routed away: ${found}`,
      });
    }
  }
  for (const { wanted, observed: there } of diff.present) {
    if (!isAdoptable(there)) continue;
    const found = formatRoute(there);
    const change = ownRoute(wanted);
    repairs.push({ kind, key: key(wanted), why: "adopt", change, found });
  }
  return conflicts;
}
