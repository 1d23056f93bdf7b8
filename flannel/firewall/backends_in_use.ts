import type { NetfilterBackend, Ruleset } from "./rule.ts";
import type { RuleOwner } from "./rule_owner.ts";
import { ownerOfName } from "./rule_owner.ts";

/** What one backend holds. */
export interface BackendUse {
  readonly backend: NetfilterBackend;
  /** Rules of IPv4 and inet tables. */
  readonly rules: number;
  /** Base chains whose policy drops, as `table chain`. */
  readonly dropping: readonly string[];
  /** Whose chains and tables are in it, by their names. */
  readonly owners: readonly RuleOwner[];
}

/**
 * What each backend holds, for FD607: empty tables, which a mere look by an
 * old tool leaves behind, are no use.
 *
 * @returns only backends with a rule, or a policy that drops
 */
export function backendsInUse(
  rulesets: readonly Ruleset[],
): readonly BackendUse[] {
  return rulesets.map(({ backend, tables }): BackendUse => {
    const own = tables.filter((table) => table.family !== "ip6");
    const chains = own.flatMap((table) =>
      table.chains.filter((chain) => !chain.name.startsWith("@"))
        .map((chain) => ({ table: table.name, chain }))
    );
    const owners = new Set<RuleOwner>();
    for (const { table, chain } of chains) {
      const owner = ownerOfName(table) ?? ownerOfName(chain.name);
      if (owner !== undefined) owners.add(owner);
    }
    return {
      backend,
      rules: chains.reduce((sum, { chain }) => sum + chain.rules.length, 0),
      dropping: chains.filter(({ chain }) => chain.policy === "DROP")
        .map(({ table, chain }) => `${table} ${chain.name}`),
      owners: [...owners].sort(),
    };
  }).filter((use) => use.rules > 0 || use.dropping.length > 0);
}
