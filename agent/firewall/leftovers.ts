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

/**
 * Changes that take away flannel's rules which are not wanted, chain by chain.
 * Only the parts that are kept at all: a masquerade rule stays when `--ip-masq`
 * is off, as with flanneld.
 *
 * @param backend that holds the wanted rules; everything of flannel's in the
 *   other ones goes
 */
export function leftoverChanges(
  rulesets: readonly Ruleset[],
  wanted: WantedRules,
  backend: NetfilterBackend,
): NetfilterChange[] {
  const parts = new Set(wanted.rules.map((rule) => rule.part));
  const keys = new Set(wanted.rules.map(flannelPlaceKey));
  const surplus = findFlannelRules(rulesets, wanted).filter((place) =>
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
