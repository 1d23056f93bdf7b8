/**
 * Which rules of a host are flannel's, and of which network.
 *
 * @module
 */
import { matchKey } from "./compare.ts";
import {
  FLANNEL_SHAPES,
  type FlannelRule,
  flannelRules,
  multicastOf,
} from "./flannel_shapes.ts";
import { egressNetwork } from "./flannel_egress.ts";
import { namedSubnets } from "./named_subnets.ts";
import type { Rule, Ruleset, Target } from "./rule.ts";
import { type FilledPlace, rulePlaces } from "./rule_places.ts";

/** A network with the subnet that a host has, or had, of it. */
export interface NetworkAndSubnet {
  readonly network: string;
  readonly subnet: string;
}

/** A rule that flannel made. */
export interface FoundFlannelRule extends FilledPlace {
  readonly part: FlannelRule["part"];
  /** The network it was made for; null where the rule names none (jumps). */
  readonly network: string | null;
  /** Whether chain, table or comment name flannel; else only its form does. */
  readonly named: boolean;
}

function goal(target: Target): string {
  return target.kind === "JUMP" ? `JUMP ${target.chain}` : target.kind;
}

/**
 * A text that is equal for rules of flannel's that differ in comment and
 * `--random-fully` only, which depend on the version and the iptables build.
 */
export function flannelRuleKey(rule: Rule): string {
  return `${matchKey(rule.match)} ${goal(rule.target)}`;
}

/** Key of a rule in its chain. */
export function flannelPlaceKey(
  place: {
    readonly table: string;
    readonly chain: string;
    readonly rule: Rule;
  },
): string {
  return `${place.table} ${place.chain} ${flannelRuleKey(place.rule)}`;
}

const COMMENT = /^flanneld? (masq|forward)$/;
const CHAIN = /^FLANNEL(-POSTRTG|-FWD)?$/;
const TABLE = /^flannel-ipv[46]$/;

/** Whether the place or the comment says flannel. */
function isNamed({ table, chain, rule }: FilledPlace): boolean {
  const { target } = rule;
  return TABLE.test(table) || CHAIN.test(chain) ||
    COMMENT.test(rule.comment ?? "") ||
    (target.kind === "JUMP" && CHAIN.test(target.chain));
}

/** Networks and subnets that the rules were made for, now or formerly. */
function candidates(
  places: readonly FilledPlace[],
  current: NetworkAndSubnet,
): NetworkAndSubnet[] {
  const networks = new Set([current.network]);
  for (const { rule } of places) {
    const network = egressNetwork(rule);
    if (network !== null) networks.add(network);
  }
  const found = new Map<string, NetworkAndSubnet>();
  const add = (network: string, subnet: string) =>
    found.set(`${network} ${subnet}`, { network, subnet });
  add(current.network, current.subnet);
  const rules = places.map(({ rule }) => rule);
  for (const network of networks) {
    // Without a rule that names the subnet the others still count.
    add(network, network === current.network ? current.subnet : network);
    for (const subnet of namedSubnets(rules, network)) add(network, subnet);
  }
  return [...found.values()];
}

/** The network a named rule of flannel's is for, from its addresses. */
function namedNetwork(
  rule: Rule,
  networks: readonly string[],
): string | null {
  const { source, destination } = rule.match;
  const cidrs = [...source?.value ?? [], ...destination?.value ?? []]
    .filter((cidr) => cidr !== multicastOf(cidr));
  const known = networks.find((network) => cidrs.includes(network));
  return known ?? cidrs[0] ?? null;
}

function partOf(place: FilledPlace): FlannelRule["part"] {
  const forward = /^(FORWARD|FLANNEL-FWD|forward)$/.test(place.chain);
  return forward ? "forward" : "masquerade";
}

/**
 * Rules that flannel made, in every backend: by the name of their chain or
 * table, by comment, or by form, for this host's network and for every other
 * network whose unmistakable masquerade rule is there.
 */
export function findFlannelRules(
  rulesets: readonly Ruleset[],
  current: NetworkAndSubnet,
): readonly FoundFlannelRule[] {
  const family = current.network.includes(":") ? 6 : 4;
  const places = rulePlaces(rulesets, family);
  const pairs = candidates(places, current);
  const forms = new Map<string, string>();
  for (const pair of pairs) {
    for (const shape of FLANNEL_SHAPES) {
      for (const wanted of flannelRules(shape, pair)) {
        const key = flannelPlaceKey(wanted);
        if (!forms.has(key)) forms.set(key, pair.network);
      }
    }
  }
  const networks = [...new Set(pairs.map((pair) => pair.network))];
  return places.flatMap((place) => {
    const form = forms.get(flannelPlaceKey(place));
    if (form === undefined && !isNamed(place)) return [];
    const network = place.rule.target.kind === "JUMP" &&
        place.rule.match.source === undefined
      ? null
      : namedNetwork(place.rule, networks) ?? null;
    return [{ ...place, part: partOf(place), network, named: isNamed(place) }];
  });
}
