import { parseIptables } from "../../flannel/firewall/parse_iptables.ts";
import { ruleSpecification } from "../../flannel/firewall/scope_rule.ts";
import { runProgram } from "../program.ts";
import {
  type ChainEntry,
  type NetfilterChange,
  planEdits,
  type PlannedEdit,
  ruleIdentity,
} from "./chain_edits.ts";
import type { NetfilterOptions } from "./inspect_netfilter.ts";
import {
  type IptablesPrograms,
  iptablesPrograms,
} from "./iptables_programs.ts";
import { restoreIptables } from "./iptables_restore.ts";
import { legacyTables } from "./legacy_tables.ts";
import { NetfilterError } from "./netfilter_error.ts";

/** Whether the table exists; asking the legacy program for it would make it. */
function hasTable(change: NetfilterChange, options: NetfilterOptions): boolean {
  return change.backend !== "iptables-legacy" ||
    legacyTables(change.family, options.netns).includes(change.table);
}

/** The rules of a change's chain, as iptables-save prints them. */
async function readChain(
  change: NetfilterChange,
  programs: IptablesPrograms,
  options: NetfilterOptions,
): Promise<ChainEntry[]> {
  const args = ["-t", change.table];
  const { stdout } = hasTable(change, options)
    ? await runProgram(programs.save, args, options)
    : { stdout: "" };
  const { tables } = parseIptables(stdout, change.family === 4 ? "ip" : "ip6");
  const chain = tables.find((table) => table.name === change.table)?.chains
    .find(({ name }) => name === change.chain);
  if (chain === undefined) {
    throw new NetfilterError(
      "chain-missing",
      change.backend,
      `no chain "${change.chain}" in table "${change.table}"`,
    );
  }
  return chain.rules.map(({ text }) => ({
    rule: ruleSpecification(text),
    handle: null,
  }));
}

/**
 * A line for iptables-restore. A rule is deleted by its text wherever the
 * first rule of that text is the one meant: a position may have moved by the
 * time the lock is ours, the text has not.
 */
function line(chain: string, { edit, before }: PlannedEdit): string {
  if (edit.op === "insert") {
    return `-I ${chain} ${edit.position} ${edit.rule}`;
  }
  const there = before[edit.position - 1]!;
  const first = before.findIndex((entry) =>
    ruleIdentity(entry.rule) === ruleIdentity(there.rule)
  );
  return first === edit.position - 1
    ? `-D ${chain} ${there.rule}`
    : `-D ${chain} ${edit.position}`;
}

/** Reads a change's chain and plans the change on it. */
export async function applyIptables(
  change: NetfilterChange,
  options: NetfilterOptions,
): Promise<readonly PlannedEdit[]> {
  const variant = change.backend === "iptables-nft" ? "nft" : "legacy";
  const programs = await iptablesPrograms(variant, change.family, options);
  if (programs === null) {
    throw new NetfilterError(
      "no-tools",
      change.backend,
      `iptables-${variant}-save and -restore are not installed`,
    );
  }
  const entries = await readChain(change, programs, options);
  const { steps } = planEdits(change, entries);
  const lines = steps.map((step) => line(change.chain, step));
  const text = [`*${change.table}`, ...lines, "COMMIT", ""].join("\n");
  await restoreIptables(programs.restore, text, options);
  return steps;
}
