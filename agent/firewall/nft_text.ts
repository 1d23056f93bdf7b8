/**
 * Flannel's nftables tables: what to give nft to put them right.
 *
 * @module
 */
import type { Table } from "../../flannel/firewall/rule.ts";
import { holds, holdsAmong } from "./iptables_script.ts";
import type { WantedRules } from "./wanted_rules.ts";

/** Base chains, as flannel v0.28.9 pkg/trafficmngr/nftables makes them. */
const CHAINS = {
  postrtg: {
    hook: "type nat hook postrouting priority srcnat; policy accept;",
    comment: "chain to manage traffic masquerading by flannel",
  },
  forward: {
    hook: "type filter hook forward priority filter; policy accept;",
    comment: "chain to accept flannel traffic",
  },
} as const;

/**
 * The script that puts flannel's table of one family right, or null when it is
 * as wanted: each chain is emptied and filled in one transaction.
 *
 * @param isShared whether another agent keeps the rules of another network in
 *   the same table, which stay then: flannel has one name for all networks
 */
export function nftScript(
  table: Table | null,
  wanted: WantedRules,
  isShared = false,
): string | null {
  const { rules } = wanted;
  const name = rules[0]?.table;
  if (name === undefined) return null;
  const family = wanted.family === 4 ? "ip" : "ip6";
  const where = `${family} ${name}`;
  const lines = [
    `add table ${where} { comment "rules for ${name}" ; }`,
  ];
  let different = table === null;
  for (const chain of ["postrtg", "forward"] as const) {
    const own = rules.filter((rule) => rule.chain === chain);
    if (own.length === 0) continue;
    const there = table?.chains.find((c) => c.name === chain);
    if (isShared ? holdsAmong(there, own) : holds(there, own)) continue;
    different = true;
    const { hook, comment } = CHAINS[chain];
    lines.push(
      `add chain ${where} ${chain} { ${hook} comment "${comment}" ; }`,
      ...(isShared ? [] : [`flush chain ${where} ${chain}`]),
      ...own.map(({ rule }) => `add rule ${where} ${chain} ${rule.text}`),
    );
  }
  return different ? `${lines.join("\n")}\n` : null;
}
