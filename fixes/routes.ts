/**
 * `flandoc fix --routes`: the routes the records imply, no more and no less.
 *
 * @module
 */
import type { CheckCode } from "../checks/check.ts";
import type { WantedRoute } from "../flannel/expected_types.ts";
import {
  deleteRouteCommand,
  formatRoute,
  replaceRouteCommand,
} from "../flannel/format.ts";
import { FLANDOC_PROTOCOL, MAIN_TABLE, type Route } from "../flannel/kernel.ts";
import {
  defaultMetric,
  diffRoutes,
  type RouteDiff,
} from "../flannel/route_diff.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Action, Plan, Refusal, Risk } from "./action.ts";
import { judged } from "./findings.ts";
import type { Fix, PlanInput } from "./fix.ts";

const CODES: readonly CheckCode[] = ["FD401", "FD402", "FD403", "FD405"];

/** The route as flandoc makes it: flannel's attributes, our protocol number. */
function routeOf(wanted: WantedRoute): Route {
  return {
    family: wanted.family,
    dst: wanted.dst,
    type: "unicast",
    table: MAIN_TABLE,
    protocol: FLANDOC_PROTOCOL,
    scope: 0,
    metric: defaultMetric(wanted.family),
    tos: 0,
    gateway: wanted.gateway,
    device: wanted.device,
    onlink: wanted.onlink,
    down: false,
    prefsrc: null,
    mtu: null,
  };
}

function action(
  code: CheckCode,
  risk: Risk,
  before: Route | null,
  after: Route | null,
): Action {
  return {
    fix: "routes",
    code,
    risk,
    change: { kind: "route", before, after },
    commands: after === null ? [del(before)] : [replaceRouteCommand(after)],
    undoCommands: before === null ? [del(after)] : [
      `${before.family === 6 ? "ip -6" : "ip"} route replace ${
        formatRoute(before)
      }`,
    ],
  };
}

function del(route: Route | null): string {
  return route === null ? "" : deleteRouteCommand(route);
}

/** Wanted routes that are missing or wrong: recomputable, interrupts nothing. */
function repairs(diff: RouteDiff): Action[] {
  return [
    ...diff.missing.map((wanted) =>
      action("FD401", "safe", null, routeOf(wanted))
    ),
    ...diff.wrong.map(({ wanted, observed }) =>
      action("FD402", "safe", observed, routeOf(wanted))
    ),
    ...diff.ownSubnet.map((route) => action("FD405", "safe", route, null)),
  ];
}

/**
 * Routes of peers that are in no record. Deleting what looks surplus is only
 * right when the records were read whole: our own lease must be among them.
 */
function removals(diff: RouteDiff, whole: boolean): Action[] {
  if (!whole) return [];
  return diff.stale.map(({ route, reason }) =>
    action("FD403", reason === "ours" ? "safe" : "interrupts", route, null)
  );
}

function plan(input: PlanInput): Plan {
  const refusals: Refusal[] = [];
  for (const code of CODES) {
    const { refusal } = judged(input, "routes", code);
    if (refusal !== undefined) refusals.push(refusal);
  }
  const wanted = new Set(
    CODES.filter((code) => judged(input, "routes", code).findings.length > 0),
  );
  const facts = input.facts;
  const expected = valueOf(facts.expected);
  const routes = valueOf(facts.routes);
  const config = valueOf(facts.config);
  const node = valueOf(facts.node);
  if (!expected || !routes || !config || !node || wanted.size === 0) {
    return { actions: [], refusals };
  }
  const diff = diffRoutes({
    wanted: expected.routes,
    observed: routes,
    config,
    node,
  });
  const actions = [...repairs(diff), ...removals(diff, node.lease !== null)];
  return { actions: actions.filter(({ code }) => wanted.has(code)), refusals };
}

/** Adds missing routes, corrects wrong ones, removes those of gone peers. */
export const ROUTES_FIX: Fix = { name: "routes", codes: CODES, plan };
