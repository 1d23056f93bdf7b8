/**
 * `flandoc fix --routes`: the routes the records imply, no more and no less.
 *
 * @module
 */
import type { CheckCode } from "../checks/check.ts";
import { routesLedAway } from "../checks/routes/own_subnet_routed_away.ts";
import {
  deviceTrouble,
  isDirect,
  onLinkOn,
  routeDiff,
  type RouteFacts,
  staleRoutes,
} from "../checks/routes/route_facts.ts";
import { missingRoutes } from "../checks/routes/route_missing.ts";
import type { WantedRoute } from "../flannel/expected_types.ts";
import { formatRoute } from "../flannel/format.ts";
import {
  FLANDOC_PROTOCOL,
  type Link,
  MAIN_TABLE,
  type Route,
} from "../flannel/kernel.ts";
import { defaultMetric, type WrongRoute } from "../flannel/route_diff.ts";
import type { Lease, LeaseRecord } from "../flannel/lease.ts";
import type { StaleRoute } from "../flannel/route_stale.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import type { Action, Plan, Refusal, Risk } from "./action.ts";
import { judged } from "./findings.ts";
import type { Fix, PlanInput } from "./fix.ts";
import { routeCommands } from "./route_commands.ts";

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
    commands: routeCommands(before, after),
    undoCommands: routeCommands(after, before),
  };
}

/** What of a host the routes are planned from. */
type Known = RouteFacts & {
  readonly links: readonly Link[];
  readonly leases: readonly Lease[];
  readonly leaseRecords: readonly LeaseRecord[];
};

function knownFacts(facts: Facts): Known | null {
  const expected = valueOf(facts.expected);
  const routes = valueOf(facts.routes);
  const rules = valueOf(facts.rules);
  const config = valueOf(facts.config);
  const node = valueOf(facts.node);
  const links = valueOf(facts.links);
  const leases = valueOf(facts.leases);
  const leaseRecords = valueOf(facts.leaseRecords);
  return expected && routes && rules && config && node && links && leases &&
      leaseRecords
    ? { expected, routes, rules, config, node, links, leases, leaseRecords }
    : null;
}

/** Wrong routes, and those among them that the kernel would not let us correct. */
function wrongRoutes(
  facts: Known,
): { readonly right: readonly WrongRoute[]; readonly refusals: Refusal[] } {
  const isNear = onLinkOn(facts.routes, facts.node.device);
  const wrong = routeDiff(facts).wrong.filter(({ wanted }) =>
    deviceTrouble(facts.links, wanted.device) === null
  );
  const isPossible = ({ wanted }: WrongRoute) =>
    !isDirect(wanted, facts.node) || isNear(wanted.gateway!);
  return {
    right: wrong.filter(isPossible),
    refusals: wrong.filter((route) => !isPossible(route))
      .map(({ wanted, observed }) => ({
        fix: "routes",
        code: "FD402",
        subject: wanted.dst,
        reason: "notOnLink",
        arguments: {
          route: formatRoute(observed),
          gateway: wanted.gateway ?? "",
          device: facts.node.device,
        },
      })),
  };
}

/**
 * Routes of peers that are in no record. Deleting what looks surplus is only
 * right when the records were read whole: our own lease must be among them.
 */
function removals(stale: readonly StaleRoute[], facts: Known): Action[] {
  if (facts.node.lease === null) return [];
  return stale.map(({ route, reason }) =>
    action("FD403", reason === "ours" ? "safe" : "interrupts", route, null)
  );
}

function plan(input: PlanInput): Plan {
  const verdicts = CODES.map((code) => judged(input, "routes", code));
  const refusals = verdicts.flatMap(({ refusal }) => refusal ?? []);
  const failed = new Set(
    CODES.filter((_, at) => (verdicts[at]?.findings.length ?? 0) > 0),
  );
  const facts = knownFacts(input.facts);
  if (facts === null || failed.size === 0) return { actions: [], refusals };
  const wrong = wrongRoutes(facts);
  const actions = [
    ...missingRoutes(facts).map((wanted) =>
      action("FD401", "safe", null, routeOf(wanted))
    ),
    ...wrong.right.map(({ wanted, observed }) =>
      action("FD402", "safe", observed, routeOf(wanted))
    ),
    ...routesLedAway(facts).map((route) =>
      action("FD405", "safe", route, null)
    ),
    ...removals(staleRoutes(facts), facts),
  ];
  return {
    actions: actions.filter(({ code }) => failed.has(code)),
    refusals: failed.has("FD402") ? [...refusals, ...wrong.refusals] : refusals,
  };
}

/** Adds missing routes, corrects wrong ones, removes those of gone peers. */
export const ROUTES_FIX: Fix = { name: "routes", codes: CODES, plan };
