import { IPTABLES_TABLES, iptablesBaseChain } from "./iptables_hooks.ts";
import type { Table } from "./rule.ts";

/**
 * Whether an nftables table is one that iptables-nft keeps: its name, and base
 * chains only where iptables has its own. Such a table is read through
 * iptables-nft-save, which knows the extensions `nft` can only name.
 */
export function isIptablesTable(table: Table): boolean {
  if (table.family !== "ip" && table.family !== "ip6") return false;
  if (!IPTABLES_TABLES.includes(table.name)) return false;
  return table.chains.every((chain) => {
    if (chain.hook === null) return true;
    const wanted = iptablesBaseChain(table.name, chain.name);
    return wanted !== null && wanted.hook === chain.hook &&
      wanted.type === chain.type && wanted.priority === chain.priority;
  });
}
