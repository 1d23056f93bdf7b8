/**
 * Whether a change of a netfilter chain is in force, and what takes it back
 * from the chain as it is now.
 *
 * @module
 */
import { shellQuote } from "../checks/shell_quote.ts";
import {
  type ChainEntry,
  planEdits,
  ruleIdentity,
} from "../host/netfilter/chain_edits.ts";
import { inspectNetfilter } from "../host/netfilter/mod.ts";
import { typedRule } from "../flannel/firewall/mod.ts";
import type { Table } from "../flannel/firewall/rule.ts";
import type { Change, NetfilterEdit } from "./action.ts";
import type { Standing } from "./apply_routes.ts";
import type { HostOptions } from "./host_options.ts";
import { inverse } from "./inverse.ts";

/** The netfilter kind of a change. */
export type NetfilterChange = Extract<Change, { kind: "netfilter" }>;

/** The chain of a change, by rule; null when there is none such. */
export type ChainRules = readonly ChainEntry[] | null;

/** Reads the chains of changes, every backend once. */
export async function readChains(
  changes: readonly NetfilterChange[],
  options: HostOptions = {},
): Promise<ChainRules[]> {
  const reports = await inspectNetfilter(options);
  return changes.map((change) => {
    const report = reports.find(({ backend }) => backend === change.backend);
    if (report?.state === "unknown") throw new Error(report.reason);
    const family = change.family === 4 ? "ip" : "ip6";
    const unread = report?.unread?.find((each) => each.family === family);
    if (unread !== undefined) throw new Error(unread.reason);
    return chainOf(report?.tables ?? [], change);
  });
}

/** A native table may be of family inet. */
function chainOf(
  tables: readonly Table[],
  change: NetfilterChange,
): ChainRules {
  const families = [change.family === 4 ? "ip" : "ip6", "inet"];
  const named = tables.filter(({ name }) => name === change.table);
  const table = families.map((family) =>
    named.find((each) => each.family === family)
  ).find((each) => each !== undefined);
  const chain = table?.chains.find(({ name }) => name === change.chain);
  return chain === undefined
    ? null
    : chain.rules.map(({ text, handle }) => ({ rule: text, handle }));
}

/** How often each edited rule is in a chain. */
export function countRules(
  edits: readonly NetfilterEdit[],
  rules: readonly ChainEntry[],
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { rule } of edits) counts[ruleIdentity(rule)] = 0;
  for (const { rule } of rules) {
    const key = ruleIdentity(rule);
    if (key in counts) counts[key]! += 1;
  }
  return counts;
}

/** What the edits add to, or take from, the number of each rule. */
function differences(edits: readonly NetfilterEdit[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { op, rule } of edits) {
    const key = ruleIdentity(rule);
    sums.set(key, (sums.get(key) ?? 0) + (op === "insert" ? 1 : -1));
  }
  return sums;
}

/** Without a note, edits that insert found none, and those that delete, theirs. */
function foundBefore(change: NetfilterChange): Record<string, number> {
  return change.found ?? Object.fromEntries(
    [...differences(change.edits)].map(([rule, sum]) => [
      rule,
      Math.max(0, -sum),
    ]),
  );
}

/**
 * The change that takes a change back from the chain as it is: other rules may
 * have come or gone before those edited, which moves the places.
 */
export function undoChange(
  change: NetfilterChange,
  rules: ChainRules,
): NetfilterChange | null {
  if (rules === null) return null;
  const back = inverse(change) as NetfilterChange;
  for (const shift of shifts(rules.length)) {
    const edits = back.edits.map((edit) => ({
      ...edit,
      position: edit.position + shift,
    }));
    const moved = { ...back, edits };
    if (isPossible(moved, rules)) return moved;
  }
  return null;
}

/** 0, 1, -1, 2, -2, … */
function shifts(length: number): number[] {
  return Array.from(
    { length: 2 * length + 1 },
    (_, index) => index % 2 === 1 ? (index + 1) / 2 : -index / 2,
  );
}

function isPossible(
  change: NetfilterChange,
  rules: readonly ChainEntry[],
): boolean {
  try {
    planEdits(change, rules);
    return true;
  } catch {
    return false;
  }
}

/** How a change stands in the chain as it is. */
export function netfilterStanding(
  change: NetfilterChange,
  rules: ChainRules,
): Standing {
  if (rules === null) return "other";
  const before = foundBefore(change);
  const now = countRules(change.edits, rules);
  const sums = differences(change.edits);
  const keys = Object.keys(now);
  if (keys.every((key) => now[key] === (before[key] ?? 0))) return "undone";
  const isDone = keys.every((key) =>
    now[key] === (before[key] ?? 0) + (sums.get(key) ?? 0)
  );
  return isDone && undoChange(change, rules) !== null ? "done" : "other";
}

/**
 * What a person types to take a change back from a chain that somebody else
 * has edited too: surplus copies go, missing ones come back.
 *
 * @param tool `iptables`, as the plan named it
 */
export function netfilterByHand(
  change: NetfilterChange,
  rules: ChainRules,
  tool: string,
): string[] {
  if (rules === null) return [];
  const { backend, table, chain } = change;
  const before = foundBefore(change);
  const now = countRules(change.edits, rules);
  return (inverse(change) as NetfilterChange).edits.flatMap((edit) => {
    const key = ruleIdentity(edit.rule);
    const surplus = now[key]! - (before[key] ?? 0);
    if (edit.op === "delete" ? surplus <= 0 : surplus >= 0) return [];
    if (backend !== "nftables") {
      const place = edit.op === "insert"
        ? `-I ${chain} ${Math.min(edit.position, rules.length + 1)}`
        : `-D ${chain}`;
      return [`${tool} -t ${table} ${place} ${typedRule(edit.rule)}`];
    }
    const family = change.family === 4 ? "ip" : "ip6";
    const where = `${family} ${table} ${chain}`;
    const handle = rules.find(({ rule }) => ruleIdentity(rule) === key)?.handle;
    return edit.op === "insert"
      ? [`nft ${shellQuote(`insert rule ${where} ${edit.rule}`)}`]
      : [`nft delete rule ${where} handle ${handle}`];
  });
}
