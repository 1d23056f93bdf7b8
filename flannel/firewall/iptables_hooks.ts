import type { Chain } from "./rule.ts";

/** Where iptables' own chains sit in netfilter. */
export type BaseChain = Pick<Chain, "hook" | "type" | "priority">;

/** Tables of iptables and ip6tables. */
export const IPTABLES_TABLES: readonly string[] = [
  "raw",
  "mangle",
  "nat",
  "filter",
  "security",
];

const HOOKS: Readonly<Record<string, string>> = {
  PREROUTING: "prerouting",
  INPUT: "input",
  FORWARD: "forward",
  OUTPUT: "output",
  POSTROUTING: "postrouting",
};

/** Priority and hooks of each table, `include/uapi/linux/netfilter_ipv4.h`. */
const TABLES: Readonly<Record<string, readonly [number, string]>> = {
  raw: [-300, "PREROUTING OUTPUT"],
  mangle: [-150, "PREROUTING INPUT FORWARD OUTPUT POSTROUTING"],
  nat: [100, "PREROUTING INPUT OUTPUT POSTROUTING"],
  filter: [0, "INPUT FORWARD OUTPUT"],
  security: [50, "INPUT FORWARD OUTPUT"],
};

/**
 * Hook, type and priority of a built-in chain of iptables, or null for a
 * chain that is only jumped to.
 */
export function iptablesBaseChain(
  table: string,
  chain: string,
): BaseChain | null {
  const entry = Object.hasOwn(TABLES, table) ? TABLES[table] : undefined;
  if (entry === undefined || !entry[1].split(" ").includes(chain)) return null;
  const hook = HOOKS[chain]!;
  const early = hook === "prerouting" || hook === "output";
  if (table === "nat") {
    return { hook, type: "nat", priority: early ? -100 : 100 };
  }
  // A changed mark or address of a local packet is routed again.
  const type = table === "mangle" && hook === "output" ? "route" : "filter";
  return { hook, type, priority: entry[0] };
}
