import type { Table } from "./rule.ts";

/**
 * A table without some of its base chains, and without the chains that only
 * those lead to: the part of a table that iptables-nft and somebody else
 * share which iptables-nft-save does not show.
 *
 * @param gone names of base chains
 * @returns the table as it is when `gone` is empty
 */
export function withoutBaseChains(
  table: Table,
  gone: ReadonlySet<string>,
): Table {
  if (gone.size === 0) return table;
  const byName = new Map(table.chains.map((chain) => [chain.name, chain]));
  const kept = new Set<string>();
  const waiting = table.chains
    .filter(({ hook, name }) => hook !== null && !gone.has(name))
    .map(({ name }) => name);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (kept.has(name)) continue;
    kept.add(name);
    for (const { target } of byName.get(name)?.rules ?? []) {
      if (target.kind === "JUMP" || target.kind === "GOTO") {
        waiting.push(target.chain);
      }
    }
  }
  return {
    ...table,
    chains: table.chains.filter(({ name }) => kept.has(name)),
  };
}
