/**
 * Masquerade rules that an agent with `--ip-masq` left, where the agent of now
 * runs without: which of them hide containers, and have to go.
 *
 * @module
 */
import {
  findFlannelRules,
  flannelPlaceKey,
  type FoundFlannelRule,
} from "../../flannel/firewall/find_flannel.ts";
import {
  FLANNEL_SHAPES,
  flannelRules,
} from "../../flannel/firewall/flannel_shapes.ts";
import { namedSubnets } from "../../flannel/firewall/named_subnets.ts";
import { overlayMasquerade } from "../../flannel/firewall/overlay_rewrites.ts";
import {
  familyOf,
  type Overlay,
} from "../../flannel/firewall/overlay_traffic.ts";
import type { Rule, Ruleset } from "../../flannel/firewall/rule.ts";
import { chainKey, rulePlaces } from "../../flannel/firewall/rule_places.ts";
import { plainKey, plainNetworks, type Surroundings } from "./leftovers.ts";

/** Rules of one chain that have to go. */
export interface LeftMasquerade {
  /** In the chain's order; at least one. */
  readonly places: readonly FoundFlannelRule[];
  /** Whether nothing else is in a chain of flannel's own: it goes as well. */
  readonly isWhole: boolean;
}

/** Chains of flannel's own, by which a rule without addresses is known. */
const OWN_CHAIN = /^(FLANNEL-POSTRTG|postrtg)$/;

/** Only what flannel writes for a network, with one of these subnets. */
function exactly(
  places: readonly FoundFlannelRule[],
  network: string,
  subnets: Iterable<string>,
): FoundFlannelRule[] {
  const keys = new Set(
    [network, ...subnets].flatMap((subnet) =>
      FLANNEL_SHAPES.flatMap((shape) =>
        flannelRules(shape, { network, subnet }).map(flannelPlaceKey)
      )
    ),
  );
  return places.filter((place) => keys.has(flannelPlaceKey(place)));
}

/**
 * Rules that harm, chain by chain, in every backend. flanneld leaves its
 * masquerade rules when it is started without `--ip-masq` (v0.11 to v0.28), and
 * while they are whole and for the subnet of now they do no harm: they stay, for
 * Docker may still run with `--ip-masq=false`. They have to go
 * - where they rewrite packets between containers;
 * - where they let another subnet of the network pass than the host's: the
 *   masquerade behind takes what its containers send to other hosts;
 * - where they are for a network this host was in before.
 *
 * Only what flannel writes, word for word, in a chain or table or with a
 * comment of its name, or the whole nameless set of v0.11.
 */
export function leftMasquerade(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
  { isAlone, formerNetworks }: Surroundings,
): LeftMasquerade[] {
  const found = findFlannelRules(rulesets, overlay)
    .filter(({ part }) => part === "masquerade");
  if (found.length === 0) return [];
  const plain = plainNetworks(found);
  const rewriting = new Set<Rule>(
    overlayMasquerade(rulesets, overlay).map(({ rule }) => rule),
  );
  const groups = Map.groupBy(
    found.filter(({ network }) => network !== null),
    plainKey,
  );
  const taken = [...groups].flatMap(([key, places]) => {
    const network = places[0]!.network!;
    const isOwn = network === overlay.network;
    if (!isOwn && !isAlone) return [];
    const own = places.filter(({ named }) => named || plain.has(key));
    const subnets = namedSubnets(own.map(({ rule }) => rule), network);
    const exact = exactly(own, network, [...subnets, overlay.subnet]);
    const isHarmful = exact.some(({ rule }) => rewriting.has(rule)) ||
      (isOwn
        ? [...subnets].some((subnet) => subnet !== overlay.subnet)
        : formerNetworks.includes(network));
    return isHarmful ? exact : [];
  });
  const chains = Map.groupBy(taken, chainKey);
  return [...chains].map(([key, places]) => ({
    places: places.toSorted((a, b) => a.position - b.position),
    isWhole: isAlone && OWN_CHAIN.test(places[0]!.chain) &&
      isAll(key, places, rulesets, overlay),
  }));
}

/** Whether a chain holds these rules and flannel's for all networks only. */
function isAll(
  key: string,
  places: readonly FoundFlannelRule[],
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): boolean {
  const gone = new Set(places.map(({ rule }) => rule));
  const rest = rulePlaces(rulesets, familyOf(overlay))
    .filter((place) => chainKey(place) === key && !gone.has(place.rule));
  // The rule for packets that kube-proxy has marked.
  return rest.every(({ rule }) =>
    rule.match.mark?.value.value === 0x4000 && rule.target.kind === "RETURN"
  );
}
