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
  defaultMetric,
  FLANDOC_PROTOCOL,
  type Link,
  MAIN_TABLE,
  type Route,
} from "../flannel/kernel.ts";
import type { Lease, LeaseRecord } from "../flannel/lease.ts";
import { type Cidr, contains, parseCidr } from "../flannel/cidr.ts";
import { isConnected, isTunnel, routeOwner } from "../flannel/route_owner.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import type { Action, Plan, Refusal, Risk } from "./action.ts";
import { judged } from "./findings.ts";
import type { Fix, PlanInput } from "./fix.ts";
import { routeCommands } from "./route_commands.ts";

const CODES: readonly CheckCode[] = ["FD401", "FD402", "FD403", "FD405"];

/** Right routes that carry nothing all the same: a rule, a link, a segment. */
const BESIDE: readonly CheckCode[] = ["FD404", "FD406", "FD407", "FD408"];

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

/** What one code's routes come to. */
interface Part {
  readonly actions: readonly Action[];
  readonly refusals: readonly Refusal[];
}

function refusal(
  code: CheckCode,
  reason: "notOnLink" | "connected",
  subject: string,
  { route, ...values }: { readonly route: Route } & Record<string, unknown>,
): Refusal {
  return {
    fix: "routes",
    code,
    subject,
    reason,
    arguments: {
      route: formatRoute(route),
      device: route.device ?? "",
      ...values as Record<string, string>,
    },
  };
}

/**
 * Networks that this host is in, but for flannel's own devices. A default
 * route without a gateway, as PPP has it, is no network of this host.
 */
function connectedNetworks(routes: readonly Route[]): Cidr[] {
  return routes.filter((route) =>
    route.table === MAIN_TABLE && isConnected(route) &&
    !isTunnel(route.device ?? "")
  ).map(({ dst }) => parseCidr(dst))
    .filter(({ prefixLength }) => prefixLength > 0);
}

/** Adds what is missing; inside a network of this host it takes a part of it. */
function additions(facts: Known): Part {
  const networks = connectedNetworks(facts.routes);
  const actions = missingRoutes(facts).map((wanted) => {
    const dst = parseCidr(wanted.dst);
    const takes = networks.some((network) => contains(network, dst));
    return action(
      "FD401",
      takes ? "interrupts" : "safe",
      null,
      routeOf(wanted),
    );
  });
  return { actions, refusals: [] };
}

/** Corrects wrong routes but those the kernel or this host could not bear. */
function corrections(facts: Known): Part {
  const isNear = onLinkOn(facts.routes, facts.node.device);
  const { device } = facts.node;
  const actions: Action[] = [];
  const refusals: Refusal[] = [];
  for (const { wanted, observed: route } of routeDiff(facts).wrong) {
    if (deviceTrouble(facts.links, wanted.device) !== null) continue;
    const owner = routeOwner(route);
    const gateway = wanted.gateway ?? "";
    if (owner === "connected") {
      refusals.push(refusal("FD402", owner, wanted.dst, { route }));
    } else if (isDirect(wanted, facts.node) && !isNear(gateway)) {
      const values = { route, gateway, device };
      refusals.push(refusal("FD402", "notOnLink", wanted.dst, values));
    } else {
      const risk = owner === "other" ? "overrides" : "safe";
      actions.push(action("FD402", risk, route, routeOf(wanted)));
    }
  }
  return { actions, refusals };
}

/** How sure it is that nobody wants a route that leads the own subnet away. */
function riskOf(route: Route, facts: Known): Risk {
  const owner = routeOwner(route);
  if (owner === "flandoc") return "safe";
  if (owner === "other") return "overrides";
  // flannel sets none to a part of a subnet: somebody moved an address there.
  const { lease, device } = facts.node;
  const whole = route.dst === lease?.subnet || route.dst === lease?.ipv6Subnet;
  const away = route.device === device || isTunnel(route.device ?? "");
  return whole && away ? "safe" : "interrupts";
}

/** Gives the own subnet back to its bridge. */
function returns(facts: Known): Part {
  const [connected, away] = [true, false].map((wanted) =>
    routesLedAway(facts).filter((route) => isConnected(route) === wanted)
  ) as [Route[], Route[]];
  return {
    actions: away.map((route) =>
      action("FD405", riskOf(route, facts), route, null)
    ),
    refusals: connected.map((route) =>
      refusal("FD405", "connected", route.dst, { route })
    ),
  };
}

/**
 * Routes of peers that are in no record. Deleting what looks surplus is only
 * right when the records were read whole: our own lease must be among them.
 */
function removals(facts: Known): Part {
  if (facts.node.lease === null) return { actions: [], refusals: [] };
  const actions = staleRoutes(facts).map(({ route, reason }) =>
    action("FD403", reason === "ours" ? "safe" : "interrupts", route, null)
  );
  return { actions, refusals: [] };
}

function plan(input: PlanInput): Plan {
  const verdicts = CODES.map((code) => judged(input, "routes", code));
  const refusals = verdicts.flatMap(({ refusal }) => refusal ?? []);
  const failed = new Set(
    CODES.filter((_, at) => (verdicts[at]?.findings.length ?? 0) > 0),
  );
  const facts = knownFacts(input.facts);
  if (facts === null || failed.size === 0) return { actions: [], refusals };
  const parts = [additions, corrections, returns, removals]
    .map((part) => part(facts));
  const isFailed = ({ code }: { readonly code: CheckCode }) => failed.has(code);
  return {
    actions: parts.flatMap(({ actions }) => actions).filter(isFailed),
    refusals: [
      ...refusals,
      ...parts.flatMap(({ refusals }) => refusals).filter(isFailed),
    ],
  };
}

/** Adds missing routes, corrects wrong ones, removes those of gone peers. */
export const ROUTES_FIX: Fix = {
  name: "routes",
  codes: CODES,
  beside: BESIDE,
  plan,
};
