/**
 * The kernel's route decision, told from dumps: policy rules in order, in
 * each table the longest prefix, then the lowest metric (ip-rule(8),
 * `fib_rules_lookup` and `fib_table_lookup`).
 *
 * @module
 */
import { type Cidr, hostCidr, ipv4Cidr, ipv6Cidr } from "./cidr.ts";
import { containsAddress, tryParseCidr } from "./cidr.ts";
import {
  DEFAULT_TABLE,
  type Family,
  LOCAL_TABLE,
  MAIN_TABLE,
  type PolicyRule,
  type Route,
  WHOLE_MARK,
} from "./kernel.ts";

/** A packet as far as a route decision sees it. */
export interface RoutedPacket {
  readonly destination: string;
  /** Null when the host itself sends and has not bound an address. */
  readonly source?: string | null;
  /** Device it came in by; null when the host itself sends. */
  readonly inDevice?: string | null;
  /** @default 0 */
  readonly mark?: number;
}

/** What decided, and by which rule. */
export interface RouteDecision {
  /** May be of type blackhole, unreachable or prohibit. Null: a rule refused. */
  readonly route: Route | null;
  readonly rule: PolicyRule;
}

/** Answers one packet; null when no table has a route. */
export type RouteDecider = (packet: RoutedPacket) => RouteDecision | null;

type ByStart = Map<number | bigint, Route[]>;
type ByLength = Map<number, ByStart>;

/** Routes of one table by prefix length and first address. */
interface TableIndex {
  readonly lengths: readonly number[];
  readonly byLength: ByLength;
}

/** Rules every network namespace starts with. */
function initialRules(family: Family): PolicyRule[] {
  return [
    [0, LOCAL_TABLE],
    [32766, MAIN_TABLE],
    [32767, DEFAULT_TABLE],
  ].map(([priority, table]) => ({
    family,
    priority: priority!,
    from: null,
    to: null,
    iif: null,
    oif: null,
    fwmark: null,
    fwmask: null,
    table: table!,
    action: "lookup",
    not: false,
    other: [],
  }));
}

function indexTables(routes: readonly Route[]): Map<number, TableIndex> {
  const tables = new Map<number, ByLength>();
  for (const route of routes) {
    const cidr = tryParseCidr(route.dst);
    if (cidr === null || route.tos !== 0) continue;
    const lengths = getOrMake(tables, route.table, (): ByLength => new Map());
    const starts = getOrMake(
      lengths,
      cidr.prefixLength,
      (): ByStart => new Map(),
    );
    getOrMake(starts, cidr.start, (): Route[] => []).push(route);
  }
  return new Map(
    [...tables].map(([table, byLength]) => {
      for (const starts of byLength.values()) {
        for (const list of starts.values()) {
          list.sort((a, b) => a.metric - b.metric);
        }
      }
      const lengths = [...byLength.keys()].sort((a, b) => b - a);
      return [table, { lengths, byLength }];
    }),
  );
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

function blockStart(host: Cidr, length: number): number | bigint {
  return host.family === 4
    ? ipv4Cidr(host.start, length).start
    : ipv6Cidr(host.start, length).start;
}

function lookupTable(index: TableIndex, host: Cidr): Route | null {
  for (const length of index.lengths) {
    const starts = index.byLength.get(length)!;
    const found = starts.get(blockStart(host, length))?.[0];
    if (found !== undefined) return found;
  }
  return null;
}

function matchesAddress(cidr: string | null, address: string | null): boolean {
  if (cidr === null) return true;
  const block = tryParseCidr(cidr);
  if (block === null) return false;
  if (block.prefixLength === 0) return true;
  return address !== null && containsAddress(block, address);
}

/** Longest prefix that a rule's `suppress_prefixlength` throws away, or -1. */
function suppressed(rule: PolicyRule): number {
  for (const text of rule.other) {
    const found = /^suppress_prefixlength (\d+)$/.exec(text);
    if (found !== null) return Number(found[1]);
  }
  return -1;
}

function hasUnknownSelector(rule: PolicyRule): boolean {
  return rule.other.some((text) => !text.startsWith("suppress_"));
}

/**
 * Whether the rule takes the packet. A rule with selectors that flandoc does
 * not model (a user id, a port) is taken not to: the packets looked up here
 * are those of no particular user and port.
 */
function ruleMatches(rule: PolicyRule, packet: RoutedPacket): boolean {
  if (hasUnknownSelector(rule)) return false;
  const mask = rule.fwmask ?? WHOLE_MARK;
  const mark = packet.mark ?? 0;
  const matches = rule.oif === null &&
    (rule.iif === null || rule.iif === (packet.inDevice ?? "lo")) &&
    (rule.fwmark === null ||
      ((rule.fwmark ^ mark) & mask) === 0) &&
    matchesAddress(rule.from, packet.source ?? null) &&
    matchesAddress(rule.to, packet.destination);
  return matches !== rule.not;
}

/**
 * Compiles dumps of routes and rules, both families, into a lookup. A family
 * without any rule is taken to have those the kernel starts with.
 */
export function routeDecider(
  routes: readonly Route[],
  rules: readonly PolicyRule[],
): RouteDecider {
  const families = ([4, 6] as const).map((family) => {
    const own = rules.filter((rule) => rule.family === family)
      .sort((a, b) => a.priority - b.priority);
    return {
      tables: indexTables(routes.filter((route) => route.family === family)),
      rules: own.length > 0 ? own : initialRules(family),
    };
  });
  return (packet) => {
    const host = hostCidr(packet.destination);
    if (host === null) return null;
    const { tables, rules } = families[host.family === 4 ? 0 : 1]!;
    for (const rule of rules) {
      if (!ruleMatches(rule, packet)) continue;
      if (rule.action === "lookup") {
        const index = tables.get(rule.table);
        const route = index === undefined ? null : lookupTable(index, host);
        if (route === null || route.type === "throw") continue;
        if (tryParseCidr(route.dst)!.prefixLength <= suppressed(rule)) continue;
        return { route, rule };
      }
      if (["blackhole", "unreachable", "prohibit"].includes(rule.action)) {
        return { route: null, rule };
      }
    }
    return null;
  };
}

/** Devices a route may leave by: one, or one a hop of a multipath route. */
export function routeDevices(route: Route): string[] {
  const devices = route.nexthops === undefined
    ? [route.device]
    : route.nexthops.map((hop) => hop.device);
  return [...new Set(devices.filter((device) => device !== null))];
}

/** Whether the route reaches its destination without a gateway. */
export function isOnLinkRoute(route: Route): boolean {
  return route.type === "unicast" && route.gateway === null &&
    (route.nexthops ?? []).every((hop) => hop.gateway === null);
}
