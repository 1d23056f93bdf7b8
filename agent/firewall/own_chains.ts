/**
 * The chains and tables that the agent makes, as found on a host.
 *
 * @module
 */
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import { ruleSpecification } from "../../flannel/firewall/scope_rule.ts";
import type { ChainToDelete } from "../../host/netfilter/delete_chain.ts";

/** Chains of iptables, by the table they are in. */
const CHAINS = { nat: "FLANNEL-POSTRTG", filter: "FLANNEL-FWD" } as const;
/** Tables of nftables. */
const TABLE = /^flannel-ipv[46]$/;

/** A table of nftables, with everything in it. */
export interface OwnTable {
  readonly family: string;
  readonly table: string;
}

/** Flannel's own chains of iptables, each with the jumps to it. */
export function ownChains(rulesets: readonly Ruleset[]): ChainToDelete[] {
  return rulesets.flatMap(({ backend, tables }) => {
    if (backend === "nftables") return [];
    return Object.entries(CHAINS).flatMap(([name, chain]) =>
      tables.filter((table) => table.name === name).flatMap((table) => {
        if (!table.chains.some((each) => each.name === chain)) return [];
        const jumps = table.chains.flatMap((from) =>
          from.rules.flatMap(({ target, text }) =>
            (target.kind === "JUMP" || target.kind === "GOTO") &&
              target.chain === chain
              ? [{ chain: from.name, rule: ruleSpecification(text) }]
              : []
          )
        );
        const family = table.family === "ip6" ? 6 as const : 4 as const;
        return [{ backend, family, table: name, chain, jumps }];
      })
    );
  });
}

/** Flannel's own tables of nftables. */
export function ownTables(rulesets: readonly Ruleset[]): OwnTable[] {
  return rulesets.filter(({ backend }) => backend === "nftables")
    .flatMap(({ tables }) => tables)
    .filter(({ name, family }) => TABLE.test(name) && /^ip6?$/.test(family))
    .map(({ name, family }) => ({ table: name, family }));
}
