/**
 * Reads what iptables-save prints, of either variant and of every version
 * since 1.4, and files in that form such as `/etc/sysconfig/iptables`.
 *
 * @module
 */
import { iptablesBaseChain } from "./iptables_hooks.ts";
import { parseIptablesRule } from "./parse_iptables_rule.ts";
import type { Chain, Rule, Table } from "./rule.ts";

/** What iptables-save said. */
export interface IptablesSave {
  readonly tables: readonly Table[];
  /**
   * Tables that iptables-nft-save refuses to print, because something else
   * than iptables wrote to them: only `nft` can show them.
   */
  readonly incompatible: readonly string[];
  /**
   * Tables that it prints without the base chains that are not iptables' own:
   * only `nft` can show those.
   */
  readonly incomplete: readonly string[];
}

interface ChainDraft {
  name: string;
  policy: Chain["policy"];
  lines: { text: string; packets: number | null }[];
}

interface TableDraft {
  name: string;
  chains: Map<string, ChainDraft>;
}

function draftChain(table: TableDraft, name: string): ChainDraft {
  let chain = table.chains.get(name);
  if (chain === undefined) {
    chain = { name, policy: null, lines: [] };
    table.chains.set(name, chain);
  }
  return chain;
}

/** Takes `[packets:bytes] -A CHAIN …`, `-I CHAIN [N] …` or `-N CHAIN`. */
function takeRule(table: TableDraft, line: string): void {
  const parts = /^(?:\[(\d+):\d+\]\s*)?-([AIN])\s+(\S+)\s*(.*)$/.exec(line);
  if (parts === null) return;
  const [, count, command, name, specification] = parts;
  const chain = draftChain(table, name!);
  const packets = count === undefined ? null : Number(count);
  if (command === "N") return;
  if (command === "A") {
    chain.lines.push({ text: `-A ${name} ${specification}`.trim(), packets });
    return;
  }
  const [, position = "1", rest] = /^(?:(\d+)\s+)?(.*)$/.exec(specification!)!;
  const text = `-A ${name} ${rest}`.trim();
  chain.lines.splice(Number(position) - 1, 0, { text, packets });
}

function finishChain(table: TableDraft, draft: ChainDraft): Chain {
  const names = new Set(table.chains.keys());
  const base = iptablesBaseChain(table.name, draft.name);
  const rules: Rule[] = draft.lines.map(({ text, packets }) =>
    parseIptablesRule(text, names, packets)
  );
  return {
    name: draft.name,
    hook: base?.hook ?? null,
    type: base?.type ?? null,
    priority: base?.priority ?? null,
    policy: base === null ? null : draft.policy ?? "ACCEPT",
    rules,
  };
}

/**
 * Parses the output of `iptables-save` or `iptables-save -c`.
 *
 * @param text what the program printed
 * @param family `ip` for iptables-save, `ip6` for ip6tables-save
 */
export function parseIptables(
  text: string,
  family: "ip" | "ip6" = "ip",
): IptablesSave {
  const drafts: TableDraft[] = [];
  const incompatible: string[] = [];
  const incomplete: string[] = [];
  let table: TableDraft | undefined;
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (line.startsWith("*")) {
      const name = line.slice(1);
      table = drafts.find((draft) => draft.name === name);
      if (table === undefined) {
        table = { name, chains: new Map() };
        drafts.push(table);
      }
    } else if (line === "COMMIT") table = undefined;
    else if (line.startsWith("#")) {
      const said = /^# Table [`'"]([^'`"]+)['"] (is|contains) incompatible/
        .exec(line);
      if (said?.[2] === "is") incompatible.push(said[1]!);
      if (said?.[2] === "contains") incomplete.push(said[1]!);
    } else if (table !== undefined && line.startsWith(":")) {
      const [name = "", policy] = line.slice(1).split(/\s+/);
      draftChain(table, name).policy = policy === "DROP" ? "DROP" : null;
    } else if (table !== undefined && line !== "") takeRule(table, line);
  }
  const tables = drafts.map((draft) => ({
    name: draft.name,
    family,
    chains: [...draft.chains.values()].map((c) => finishChain(draft, c)),
  }));
  return { tables, incompatible, incomplete };
}
