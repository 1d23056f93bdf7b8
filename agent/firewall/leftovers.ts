/**
 * Rules that flannel made for another network or in another way, taken away at
 * the start.
 *
 * @module
 */
import {
  findFlannelRules,
  flannelPlaceKey,
  type FoundFlannelRule,
} from "../../flannel/firewall/find_flannel.ts";
import type { NetfilterBackend, Ruleset } from "../../flannel/firewall/rule.ts";
import { ruleSpecification } from "../../flannel/firewall/scope_rule.ts";
import type { NetfilterChange } from "../../host/netfilter/chain_edits.ts";
import type { WantedRules } from "./wanted_rules.ts";

/** A group of rules in one chain. */
function chainKey(place: FoundFlannelRule): string {
  return [place.backend, place.family, place.table, place.chain].join(" ");
}

/** Masquerade rules that flannel before v0.16 makes. */
const PLAIN_SET = 4;

/** Of which network a rule is, in one backend. */
export function plainKey(
  { backend, family, network }: FoundFlannelRule,
): string {
  return `${backend} ${family} ${network}`;
}

/** Networks of which the whole set of nameless masquerade rules is there. */
export function plainNetworks(found: readonly FoundFlannelRule[]): Set<string> {
  const nameless = found.filter((place) =>
    !place.named && place.part === "masquerade" && place.network !== null
  );
  const sets = Map.groupBy(nameless, plainKey);
  return new Set(
    [...sets].filter(([, places]) =>
      new Set(places.map(flannelPlaceKey)).size >= PLAIN_SET
    ).map(([key]) => key),
  );
}

/** What tells leftovers from the rules of others. */
export interface Surroundings {
  /**
   * Whether no other flannel agent runs on this host; where one does, only
   * rules for this agent's own network are taken away.
   */
  readonly isAlone: boolean;
  /** Networks that this host was in before, as its subnet.env said. */
  readonly formerNetworks: readonly string[];
}

/**
 * Changes that take away flannel's rules which are not wanted, chain by chain.
 * Only the parts that are kept at all: of what `--ip-masq` left when it is off,
 * `leftMasquerade` decides. A rule that no chain, table or comment names
 * flannel's may be an administrator's, who wants it where it is, unless the
 * whole set is there that flannel before v0.16 makes, for the network of now
 * or a former one: a set for a third one may be that of an agent which is
 * being restarted, or cannot be seen from here.
 *
 * @param backend that holds the wanted rules; everything of flannel's in the
 *   other ones goes
 */
export function leftoverChanges(
  rulesets: readonly Ruleset[],
  wanted: WantedRules,
  backend: NetfilterBackend,
  { isAlone, formerNetworks }: Surroundings,
): NetfilterChange[] {
  const networks = new Set([wanted.network, ...isAlone ? formerNetworks : []]);
  const parts = new Set(wanted.rules.map((rule) => rule.part));
  const keys = new Set(wanted.rules.map(flannelPlaceKey));
  const found = findFlannelRules(rulesets, wanted);
  const plain = plainNetworks(found);
  const surplus = found.filter((place) =>
    (networks.has(place.network ?? "")
      ? place.named || plain.has(plainKey(place))
      : isAlone && place.named) &&
    parts.has(place.part) &&
    !(place.backend === backend && keys.has(flannelPlaceKey(place)))
  );
  const changes: NetfilterChange[] = [];
  for (const places of Map.groupBy(surplus, chainKey).values()) {
    const { backend: owner, table, chain } = places[0]!;
    changes.push({
      kind: "netfilter",
      backend: owner,
      family: wanted.family,
      table,
      chain,
      // From the end, so that positions before hold.
      edits: places.toSorted((a, b) => b.position - a.position).map((p) => ({
        op: "delete",
        rule: ruleSpecification(p.rule.text),
        position: p.position,
      })),
    });
  }
  return changes;
}
