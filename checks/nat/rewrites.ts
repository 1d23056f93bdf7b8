/**
 * Every rule that rewrites the source of packets between containers.
 *
 * @module
 */
import {
  findFlannelRules,
  type Overlay,
  overlayMasquerade,
  type RewriteHit,
  ruleKey,
} from "../../flannel/firewall/mod.ts";
import type { Rule, Ruleset } from "../../flannel/firewall/rule.ts";
import { chainKey } from "../../flannel/firewall/rule_places.ts";

/** The rulesets with some rules doing nothing, every position kept. */
export function withoutRules(
  rulesets: readonly Ruleset[],
  rules: ReadonlySet<Rule>,
): Ruleset[] {
  return rulesets.map((ruleset) => ({
    ...ruleset,
    tables: ruleset.tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({
        ...chain,
        rules: chain.rules.map((rule): Rule =>
          rules.has(rule) ? { ...rule, target: { kind: "CONTINUE" } } : rule
        ),
      })),
    })),
  }));
}

/** Rules behind rules; more than this nobody has. */
const MOST_ROUNDS = 16;

/**
 * Every rule that would rewrite such packets, also those that only do so once
 * the ones before them are gone: who repairs the first should not find the
 * second only then. Each rule once, of equal ones in a chain the first.
 */
export function allRewrites(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): readonly RewriteHit[] {
  const seen = new Set<Rule>();
  const hits = new Map<string, RewriteHit>();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const found = overlayMasquerade(withoutRules(rulesets, seen), overlay)
      .filter((hit) => !seen.has(hit.rule));
    if (found.length === 0) break;
    for (const hit of found) {
      seen.add(hit.rule);
      const key = `${chainKey(hit)} ${ruleKey(hit.rule)}`;
      if (!hits.has(key)) hits.set(key, hit);
    }
  }
  return [...hits.values()];
}

/** Rules that flannel made, by identity. */
export function flannelRuleSet(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): ReadonlySet<Rule> {
  return new Set(
    findFlannelRules(rulesets, overlay).map((place) => place.rule),
  );
}
