import type { Ruleset } from "./rule.ts";
import type { RulePlace } from "./walk.ts";

/** A place that holds a rule. */
export interface FilledPlace extends RulePlace {
  readonly position: number;
  readonly rule: NonNullable<RulePlace["rule"]>;
}

/**
 * Every rule of one address family with its place, chain by chain; the chains
 * that stand for nftables' maps are left out.
 */
export function rulePlaces(
  rulesets: readonly Ruleset[],
  family: 4 | 6,
): readonly FilledPlace[] {
  const foreign = family === 4 ? "ip6" : "ip";
  return rulesets.flatMap(({ backend, tables }) =>
    tables.filter((table) => table.family !== foreign).flatMap((table) =>
      table.chains.filter((chain) => !chain.name.startsWith("@"))
        .flatMap((chain) =>
          chain.rules.map((rule, index) => ({
            backend,
            family: table.family,
            table: table.name,
            chain: chain.name,
            position: index + 1,
            rule,
          }))
        )
    )
  );
}

/** Name of the chain a place is in, unique over backends and tables. */
export function chainKey(place: RulePlace): string {
  return [place.backend, place.family, place.table, place.chain].join(" ");
}
