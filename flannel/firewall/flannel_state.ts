/**
 * Flannel's rules on a host against those it should have: FD602 to FD605.
 *
 * @module
 */
import {
  findFlannelRules,
  flannelPlaceKey,
  type FoundFlannelRule,
  type NetworkAndSubnet,
} from "./find_flannel.ts";
import {
  FLANNEL_SHAPES,
  type FlannelRule,
  flannelRules,
  type FlannelShape,
} from "./flannel_shapes.ts";
import { namedSubnets } from "./named_subnets.ts";
import type { NetfilterBackend, Ruleset } from "./rule.ts";

/** One part of flannel's rules in one backend. */
export interface FlannelState {
  readonly backend: NetfilterBackend;
  readonly part: FlannelRule["part"];
  /** The shape its rules have; null when only leftovers are here. */
  readonly shape: FlannelShape | null;
  /** Rules of the shape that are there, each by its first place. */
  readonly present: readonly FoundFlannelRule[];
  /** Rules of the shape that are not there. */
  readonly missing: readonly FlannelRule[];
  /** Rules that are there once more than wanted. */
  readonly surplus: readonly FoundFlannelRule[];
  /**
   * Rules that come after one that flannel puts behind them, in their chain's
   * order: a RETURN after the MASQUERADE it is to spare packets from.
   */
  readonly misplaced: readonly FoundFlannelRule[];
  /** Rules of another network or subnet, or of another version's shape. */
  readonly leftover: readonly FoundFlannelRule[];
}

/** What is asked of {@linkcode flannelStates}. */
export interface FlannelStateOptions extends NetworkAndSubnet {
  /**
   * The shape that the running flannel makes.
   * @default the shape most of the rules have
   */
  readonly shape?: FlannelShape;
}

/** The mark rule that 0.20.0 and 0.20.1 did not make. */
function isOptional(shape: FlannelShape, rule: FlannelRule): boolean {
  return shape === "own-chains-inserted" && rule.rule.match.mark !== undefined;
}

function wantedRules(
  shape: FlannelShape,
  part: FlannelRule["part"],
  current: NetworkAndSubnet,
): FlannelRule[] {
  return flannelRules(shape, current).filter((rule) => rule.part === part);
}

/**
 * The shape of rules found: the one with most of its rules there, then the one
 * that lacks fewest, where a rule for another subnet of the network is not
 * lacking; then the one that lacks fewest for this subnet, then the newest.
 */
function guessShape(
  found: readonly FoundFlannelRule[],
  part: FlannelRule["part"],
  current: NetworkAndSubnet,
): FlannelShape | null {
  const keys = new Set(found.map(flannelPlaceKey));
  const { network } = current;
  const subnets = namedSubnets(found.map(({ rule }) => rule), network);
  const lacking = (shape: FlannelShape, subnet: string) =>
    wantedRules(shape, part, { network, subnet }).flatMap((rule, index) =>
      isOptional(shape, rule) || keys.has(flannelPlaceKey(rule)) ? [] : [index]
    );
  const lackingEver = (shape: FlannelShape) =>
    [...subnets].reduce((left, subnet) => {
      const lacks = new Set(lacking(shape, subnet));
      return left.filter((index) => lacks.has(index));
    }, lacking(shape, current.subnet)).length;
  let best: FlannelShape | null = null;
  let bestScore = 0;
  for (const shape of FLANNEL_SHAPES) {
    // Of four for a former subnet, three are as good for any.
    if (shape === "three-rules" && lackingEver("four-rules") === 0) continue;
    const there = wantedRules(shape, part, current)
      .filter((rule) => keys.has(flannelPlaceKey(rule))).length;
    const score = there - lackingEver(shape) / 100 -
      lacking(shape, current.subnet).length / 10_000;
    if (there > 0 && score >= bestScore) {
      best = shape;
      bestScore = score;
    }
  }
  return best;
}

/** Rules that stand before one they should follow, by chain. */
function misplacedRules(
  present: readonly FoundFlannelRule[],
): FoundFlannelRule[] {
  const reached = new Map<string, number>();
  return present.filter((place) => {
    const chain = `${place.table} ${place.chain}`;
    const last = reached.get(chain) ?? 0;
    reached.set(chain, Math.max(last, place.position));
    return place.position < last;
  });
}

function stateOf(
  backend: NetfilterBackend,
  part: FlannelRule["part"],
  found: readonly FoundFlannelRule[],
  options: FlannelStateOptions,
): FlannelState {
  const shape = options.shape !== undefined &&
      (options.shape === "nftables") === (backend === "nftables")
    ? options.shape
    : guessShape(found, part, options);
  const wanted = shape === null ? [] : wantedRules(shape, part, options);
  const byKey = Map.groupBy(found, flannelPlaceKey);
  const present: FoundFlannelRule[] = [];
  const surplus: FoundFlannelRule[] = [];
  const missing: FlannelRule[] = [];
  for (const rule of wanted) {
    const [first, ...more] = byKey.get(flannelPlaceKey(rule)) ?? [];
    if (first !== undefined) present.push(first);
    else if (!isOptional(shape!, rule)) missing.push(rule);
    surplus.push(...more);
  }
  const kept = new Set([...present, ...surplus]);
  const misplaced = misplacedRules(present);
  return {
    backend,
    part,
    // Rules wanted of a version that made none here are no shape.
    shape: present.length === 0 ? null : shape,
    present,
    missing: present.length === 0 ? [] : missing,
    surplus,
    misplaced,
    leftover: found.filter((place) => !kept.has(place)),
  };
}

/**
 * The state of flannel's masquerade and forward rules in every backend that
 * has any of them.
 */
export function flannelStates(
  rulesets: readonly Ruleset[],
  options: FlannelStateOptions,
): readonly FlannelState[] {
  const found = findFlannelRules(rulesets, options);
  const groups = Map.groupBy(
    found,
    (place) => `${place.backend} ${place.part}`,
  );
  return [...groups.values()].map((group) =>
    stateOf(group[0]!.backend, group[0]!.part, group, options)
  );
}
