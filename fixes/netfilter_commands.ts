/**
 * Edits of a chain as a person types them.
 *
 * @module
 */
import { iptablesTool } from "../checks/nat/overlay.ts";
import { shellQuote } from "../checks/shell_quote.ts";
import {
  nftReplacement,
  ruleSpecification,
  typedRule,
} from "../flannel/firewall/mod.ts";
import type { Rule, Ruleset } from "../flannel/firewall/rule.ts";
import type { Action, NetfilterEdit } from "./action.ts";
import { inverse } from "./inverse.ts";
import type { NetfilterChange } from "./netfilter_standing.ts";

/** A table's name in a command; the filter table is the tools' default. */
function tableOption(table: string): string {
  return table === "filter" ? "" : `-t ${table} `;
}

function iptablesLine(
  tool: string,
  { table, chain }: NetfilterChange,
  { op, rule, position }: NetfilterEdit,
): string {
  const place = op === "delete"
    ? `-D ${chain}`
    : position === 1
    ? `-I ${chain}`
    : `-I ${chain} ${position}`;
  return `${tool} ${tableOption(table)}${place} ${typedRule(rule)}`;
}

/** The chain's family, and its rules by place. */
function nativeChain(
  { family, table, chain }: NetfilterChange,
  rulesets: readonly Ruleset[],
): { readonly where: string; readonly rules: readonly Rule[] } {
  const tables = rulesets.filter(({ backend }) => backend === "nftables")
    .flatMap((ruleset) => ruleset.tables)
    .filter(({ name }) => name === table);
  const found =
    tables.find((each) => each.family === (family === 4 ? "ip" : "ip6")) ??
      tables.find((each) => each.family === "inet");
  return {
    where: `${found?.family ?? "ip"} ${table} ${chain}`,
    rules: found?.chains.find(({ name }) => name === chain)?.rules ?? [],
  };
}

/**
 * A rule that is put before one that goes is typed as one replacement. Edits
 * go from the chain's end, so that a place to delete at is the rule's own, or
 * one more behind its replacement.
 */
function nativeLines(
  change: NetfilterChange,
  rulesets: readonly Ruleset[],
): string[] {
  const { where, rules } = nativeChain(change, rulesets);
  const handles = new Set<number>();
  return change.edits.flatMap((edit, index): string[] => {
    if (edit.op === "insert") return [];
    const previous = change.edits[index - 1];
    const scoped = previous?.op === "insert" ? previous.rule : null;
    const at = edit.position - (scoped === null ? 1 : 2);
    const rule = rules[at];
    const handle = ruleSpecification(rule?.text ?? "") === edit.rule
      ? rule?.handle ?? null
      : null;
    if (handle === null || handles.has(handle)) return [];
    handles.add(handle);
    return [
      scoped === null
        ? `nft delete rule ${where} handle ${handle}`
        : `nft ${shellQuote(nftReplacement(where, handle, scoped))}`,
    ];
  });
}

/** A handle is not known before the rule is made: it is looked up first. */
function nativeUndoLines(
  change: NetfilterChange,
  rulesets: readonly Ruleset[],
): string[] {
  const { where } = nativeChain(change, rulesets);
  const back = (inverse(change) as NetfilterChange).edits;
  const inserted = back.filter(({ op }) => op === "delete");
  return [
    ...inserted.length > 0 ? [`nft -a list chain ${where}`] : [],
    ...back.map(({ op, rule, position }) => {
      if (op === "delete") {
        return `nft delete rule ${where} handle HANDLE   # ${rule}`;
      }
      const statement = position === 1
        ? `insert rule ${where} ${rule}`
        : `add rule ${where} index ${position - 2} ${rule}`;
      return `nft ${shellQuote(statement)}`;
    }),
  ];
}

/** What a person types to make the edits, and to take them back. */
export function netfilterCommands(
  change: NetfilterChange,
  rulesets: readonly Ruleset[],
): Pick<Action, "commands" | "undoCommands"> {
  if (change.backend === "nftables") {
    return {
      commands: nativeLines(change, rulesets),
      undoCommands: nativeUndoLines(change, rulesets),
    };
  }
  const tool = iptablesTool(change.backend, rulesets, change.family);
  const back = inverse(change) as NetfilterChange;
  const line = (edit: NetfilterEdit) => iptablesLine(tool, change, edit);
  return {
    commands: change.edits.map(line),
    undoCommands: back.edits.map(line),
  };
}
