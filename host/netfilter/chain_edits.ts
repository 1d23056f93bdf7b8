import type { NetfilterBackend } from "../../flannel/firewall/rule.ts";
import { ruleSpecification } from "../../flannel/firewall/scope_rule.ts";
import { sameWords } from "../../flannel/firewall/words.ts";
import type { Change, NetfilterEdit } from "../../fixes/action.ts";
import { NetfilterError } from "./netfilter_error.ts";

/** The netfilter kind of a change. */
export type NetfilterChange = Extract<Change, { kind: "netfilter" }>;

/** A rule of a chain while edits are planned; new ones have no handle. */
export interface ChainEntry {
  /** Specification after the chain's name. */
  readonly rule: string;
  /** nftables handle; null for iptables and for rules not yet made. */
  readonly handle: number | null;
}

/** One edit with the chain as it is before it. */
export interface PlannedEdit {
  readonly edit: NetfilterEdit;
  readonly before: readonly ChainEntry[];
}

/**
 * One text for a rule however its tool spaces and quotes it; counters, which
 * every packet changes, are left out.
 */
export function ruleIdentity(rule: string): string {
  const text = ruleSpecification(rule)
    .replace(/\bcounter packets \d+ bytes \d+/g, "counter");
  try {
    return sameWords(text);
  } catch {
    return text;
  }
}

function check(
  backend: NetfilterBackend,
  edit: NetfilterEdit,
  entries: readonly ChainEntry[],
): void {
  if (edit.rule.trim() === "" || /[\n\r\0]/.test(edit.rule)) {
    throw new NetfilterError(
      "bad-rule",
      backend,
      `expected one line of rule, got ${JSON.stringify(edit.rule)}`,
    );
  }
  const last = edit.op === "insert" ? entries.length + 1 : entries.length;
  const { position } = edit;
  if (!Number.isInteger(position) || position < 1 || position > last) {
    throw new NetfilterError(
      "rule-moved",
      backend,
      `expected a position from 1 to ${last}, got ${position} for "${edit.rule}"`,
    );
  }
  if (edit.op === "insert") return;
  const there = entries[position - 1]!;
  if (ruleIdentity(there.rule) !== ruleIdentity(edit.rule)) {
    throw new NetfilterError(
      "rule-moved",
      backend,
      `expected "${edit.rule}" at position ${position}, found "${there.rule}"`,
    );
  }
}

/**
 * Plays edits through on a chain as read.
 *
 * @returns each edit with the chain it meets, and the chain at the end
 * @throws {NetfilterError} when a rule to delete is not at its place
 */
export function planEdits(
  change: NetfilterChange,
  entries: readonly ChainEntry[],
): {
  readonly steps: readonly PlannedEdit[];
  readonly after: readonly ChainEntry[];
} {
  const steps: PlannedEdit[] = [];
  let chain = [...entries];
  for (const edit of change.edits) {
    check(change.backend, edit, chain);
    steps.push({ edit, before: chain });
    chain = edit.op === "insert"
      ? chain.toSpliced(edit.position - 1, 0, { rule: edit.rule, handle: null })
      : chain.toSpliced(edit.position - 1, 1);
  }
  return { steps, after: chain };
}

/**
 * The change that takes a change back: its edits in reverse, each turned
 * round. What is put back is the text as the tool printed it.
 */
export function inverseChange(
  change: NetfilterChange,
  steps: readonly PlannedEdit[],
): NetfilterChange {
  const edits = steps.map(({ edit, before }): NetfilterEdit =>
    edit.op === "insert"
      ? { ...edit, op: "delete" }
      : { ...edit, op: "insert", rule: before[edit.position - 1]!.rule }
  ).reverse();
  return { ...change, edits };
}
