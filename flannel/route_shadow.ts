/**
 * Routes and rules that take traffic away from wanted routes.
 *
 * @module
 */
import {
  type Cidr,
  contains,
  containsAddress,
  ipv4Cidr,
  ipv6Cidr,
  overlaps,
  tryParseCidr,
} from "./cidr.ts";
import type { LocalNode, WantedRoute } from "./expected_types.ts";
import {
  LOCAL_TABLE,
  MAIN_TABLE,
  type PolicyRule,
  type Route,
} from "./kernel.ts";

/** Who takes the traffic of a wanted route, or part of it. */
export type Shadow =
  | {
    readonly wanted: WantedRoute;
    readonly kind: "more-specific" | "lower-metric";
    readonly by: Route;
  }
  | {
    readonly wanted: WantedRoute;
    readonly kind: "policy-rule";
    readonly by: PolicyRule;
    /** The route of the rule's table that it would use, or null. */
    readonly route: Route | null;
  };

/**
 * All wanted routes, for a comparison without those that are known to be there
 * exactly as wanted, each the only one of its destination.
 */
export interface WantedRoutes {
  /** Whether one is to this destination, a canonical CIDR. */
  has(dst: string): boolean;
  /** The one with the longest prefix that holds a whole block, or null. */
  holding(block: Cidr): WantedRoute | null;
}

/** What is searched. */
export interface ShadowInput {
  readonly wanted: readonly WantedRoute[];
  readonly observed: readonly Route[];
  /** `family dst` of every wanted route. */
  readonly wantedKeys: ReadonlySet<string>;
  readonly rules: readonly PolicyRule[];
  readonly node: LocalNode;
  /** Those in `wanted` and those left out of it and of `observed`. */
  readonly all?: WantedRoutes | undefined;
}

interface ParsedWanted {
  readonly route: WantedRoute;
  readonly cidr: Cidr;
}

function parseWanted(
  wanted: readonly WantedRoute[],
  family: 4 | 6,
): ParsedWanted[] {
  return wanted.filter((r) => r.family === family)
    .map((route) => ({ route, cidr: tryParseCidr(route.dst) }))
    .filter((p): p is ParsedWanted => p.cidr !== null);
}

/** The block of so many bits that begins as another one does. */
export function widened(block: Cidr, prefixLength: number): Cidr {
  return block.family === 4
    ? ipv4Cidr(block.start, prefixLength)
    : ipv6Cidr(block.start, prefixLength);
}

/** Wanted routes of one family by prefix length and first address. */
class WantedIndex {
  readonly #byLength = new Map<number, Map<number | bigint, WantedRoute>>();
  /** Longest first. */
  readonly #lengths: readonly number[];

  constructor(wanted: readonly WantedRoute[], family: 4 | 6) {
    for (const { route, cidr } of parseWanted(wanted, family)) {
      const starts = this.#byLength.get(cidr.prefixLength) ?? new Map();
      this.#byLength.set(cidr.prefixLength, starts.set(cidr.start, route));
    }
    this.#lengths = [...this.#byLength.keys()].sort((a, b) => b - a);
  }

  /** The route with the longest prefix that holds the block, or null. */
  holding(block: Cidr): WantedRoute | null {
    for (const length of this.#lengths) {
      if (length > block.prefixLength) continue;
      const { start } = widened(block, length);
      const route = this.#byLength.get(length)!.get(start);
      if (route !== undefined) return route;
    }
    return null;
  }
}

/** Of two routes that hold a block, the one with the longer prefix. */
function longer(
  a: WantedRoute | null,
  b: WantedRoute | null,
): WantedRoute | null {
  if (a === null || b === null) return a ?? b;
  return tryParseCidr(a.dst)!.prefixLength > tryParseCidr(b.dst)!.prefixLength
    ? a
    : b;
}

function ownSubnets(node: LocalNode): Cidr[] {
  return [node.lease?.subnet, node.lease?.ipv6Subnet]
    .map((s) => (s ? tryParseCidr(s) : null))
    .filter((c) => c !== null);
}

/** Main-table routes strictly inside a wanted destination. */
function moreSpecific(input: ShadowInput): Shadow[] {
  const { wanted, observed, wantedKeys, node, all } = input;
  const shadows: Shadow[] = [];
  const own = ownSubnets(node);
  const indexes = new Map<4 | 6, WantedIndex>();
  for (const route of observed) {
    const { family, dst, gateway, device, type } = route;
    if (route.table !== MAIN_TABLE || route.tos !== 0) continue;
    if (wantedKeys.has(`${family} ${dst}`) || all?.has(dst)) continue;
    const cidr = tryParseCidr(dst);
    if (cidr === null) continue;
    const index = indexes.get(family) ?? new WantedIndex(wanted, family);
    indexes.set(family, index);
    const hit = longer(index.holding(cidr), all?.holding(cidr) ?? null);
    if (hit === null) continue;
    // The udp backend's one route holds the whole network, own subnet too.
    if (own.some((subnet) => contains(subnet, cidr))) continue;
    const sameWay = gateway === hit.gateway && device === hit.device &&
      type === "unicast";
    if (!sameWay) {
      shadows.push({ wanted: hit, kind: "more-specific", by: route });
    }
  }
  return shadows;
}

/** Selectors by which a rule holds for only some packets we cannot know. */
function isConditional(rule: PolicyRule): boolean {
  return rule.not || rule.fwmark !== null || rule.iif !== null ||
    rule.oif !== null || rule.other.length > 0;
}

/** Whether a rule's source can be this host or its containers. */
function fromHere(rule: PolicyRule, node: LocalNode): boolean {
  if (rule.from === null) return true;
  const from = tryParseCidr(rule.from);
  if (from === null) return false;
  if (ownSubnets(node).some((s) => overlaps(s, from))) return true;
  return [node.address, node.ipv6Address].some((a) =>
    a !== null && containsAddress(from, a)
  );
}

/** Routes of other tables than main, by family and table. */
function otherTables(routes: readonly Route[]): Map<string, Route[]> {
  const tables = new Map<string, Route[]>();
  for (const route of routes) {
    if (route.table === MAIN_TABLE) continue;
    const key = `${route.family} ${route.table}`;
    const list = tables.get(key);
    if (list === undefined) tables.set(key, [route]);
    else list.push(route);
  }
  return tables;
}

/** Rules before main that lead some wanted destination elsewhere. */
function byRule(input: ShadowInput): Shadow[] {
  const shadows: Shadow[] = [];
  const tables = otherTables(input.observed);
  const rules = [...input.rules].sort((a, b) => a.priority - b.priority);
  for (const family of [4, 6] as const) {
    const open = new Map(
      parseWanted(input.wanted, family).map((p) => [p.route.dst, p]),
    );
    for (const rule of rules.filter((r) => r.family === family)) {
      if (open.size === 0) break;
      const toMain = rule.action === "lookup" && rule.table === MAIN_TABLE;
      // `suppress_prefixlength` keeps only default routes out of main.
      const plain = !isConditional(rule) ||
        (toMain && rule.other.every((o) => o.startsWith("suppress_prefix")));
      if (toMain && plain && rule.from === null && rule.to === null) break;
      // Table local holds single addresses of this host.
      if (rule.table === LOCAL_TABLE && rule.action === "lookup") continue;
      if (!plain || !fromHere(rule, input.node)) continue;
      shadows.push(...ruleShadows(rule, tables, open));
    }
  }
  return shadows;
}

/** The wanted routes one rule overrules; they are taken out of `open`. */
function ruleShadows(
  rule: PolicyRule,
  tables: ReadonlyMap<string, readonly Route[]>,
  open: Map<string, ParsedWanted>,
): Shadow[] {
  const to = rule.to === null ? null : tryParseCidr(rule.to);
  const refuses = ["blackhole", "unreachable", "prohibit"]
    .includes(rule.action);
  const toMain = rule.table === MAIN_TABLE;
  if (!refuses && rule.action !== "lookup") return [];
  const routes = (tables.get(`${rule.family} ${rule.table}`) ?? [])
    .filter((r) => r.type !== "throw" && r.type !== "broadcast")
    .map((route) => ({ route, cidr: tryParseCidr(route.dst) }));
  const shadows: Shadow[] = [];
  for (const [dst, { route: wanted, cidr }] of open) {
    if (to !== null && !overlaps(to, cidr)) continue;
    if (!refuses && toMain) {
      // The wanted route is found by this rule already.
      if (to === null || contains(to, cidr)) open.delete(dst);
      continue;
    }
    const hit = routes.find((r) => r.cidr !== null && overlaps(r.cidr, cidr));
    if (!refuses && hit === undefined) continue;
    const taken = hit?.route ?? null;
    if (
      taken !== null && taken.gateway === wanted.gateway &&
      taken.device === wanted.device
    ) continue;
    shadows.push({ wanted, kind: "policy-rule", by: rule, route: taken });
    open.delete(dst);
  }
  return shadows;
}

/**
 * Finds what takes traffic from wanted routes: main-table routes strictly
 * inside their destination that lead elsewhere, and policy rules consulted
 * before main whose table has a route for it. Rules on marks or interfaces
 * are left out: whether they hold depends on the packet.
 */
export function findShadows(input: ShadowInput): Shadow[] {
  return [...moreSpecific(input), ...byRule(input)];
}

/**
 * Policy rules that lead away what comes in by the containers' bridge (`ip
 * rule add iif docker0 …`): for containers such a rule always holds.
 *
 * @param bridge the device containers of this host hang on
 */
export function findBridgeShadows(
  input: Omit<ShadowInput, "wantedKeys">,
  bridge: string,
): readonly Extract<Shadow, { readonly kind: "policy-rule" }>[] {
  const originals = new Map<PolicyRule, PolicyRule>();
  const rules = input.rules.map((rule) => {
    if (rule.iif !== bridge) return rule;
    const certain = { ...rule, iif: null };
    originals.set(certain, rule);
    return certain;
  });
  if (originals.size === 0) return [];
  return byRule({ ...input, rules, wantedKeys: new Set() })
    .flatMap((shadow) => {
      if (shadow.kind !== "policy-rule") return [];
      const by = originals.get(shadow.by);
      return by === undefined ? [] : [{ ...shadow, by }];
    });
}
