import { parseNft } from "../../flannel/firewall/parse_nft.ts";
import type { Table } from "../../flannel/firewall/rule.ts";
import { runProgram } from "../program.ts";
import {
  type ChainEntry,
  type NetfilterChange,
  planEdits,
  type PlannedEdit,
} from "./chain_edits.ts";
import type { NetfilterOptions } from "./inspect_netfilter.ts";
import { NetfilterError } from "./netfilter_error.ts";

/** The table a change means: of its IP family, else the inet one. */
async function readTable(
  change: NetfilterChange,
  options: NetfilterOptions,
): Promise<Table> {
  const [json, listing] = await Promise.all([
    runProgram("nft", ["-j", "list", "ruleset"], options),
    runProgram("nft", ["-s", "-a", "list", "ruleset"], options),
  ]);
  const family = change.family === 4 ? "ip" : "ip6";
  const tables = parseNft(json.stdout, listing.stdout)
    .filter((table) => table.name === change.table);
  const table = tables.find((t) => t.family === family) ??
    tables.find((t) => t.family === "inet");
  if (table === undefined) {
    throw new NetfilterError(
      "chain-missing",
      change.backend,
      `no table "${family} ${change.table}"`,
    );
  }
  return table;
}

function readChain(change: NetfilterChange, table: Table): ChainEntry[] {
  const chain = table.chains.find(({ name }) => name === change.chain);
  if (chain === undefined) {
    throw new NetfilterError(
      "chain-missing",
      change.backend,
      `no chain "${change.chain}" in table "${table.family} ${table.name}"`,
    );
  }
  return chain.rules.map(({ text, handle }) => ({ rule: text, handle }));
}

/**
 * A line for nft. Places are said by handle where a neighbour has one, since
 * handles never move; rules of this very transaction have none yet, and then
 * the index counts them too.
 */
function line(where: string, { edit, before }: PlannedEdit): string {
  const at = edit.position - 1;
  if (edit.op === "delete") {
    const { handle } = before[at]!;
    return handle === null
      ? `delete rule ${where} index ${at}`
      : `delete rule ${where} handle ${handle}`;
  }
  if (at === 0) return `insert rule ${where} ${edit.rule}`;
  if (at === before.length) return `add rule ${where} ${edit.rule}`;
  const next = before[at]!.handle;
  if (next !== null) {
    return `insert rule ${where} handle ${next} ${edit.rule}`;
  }
  const previous = before[at - 1]!.handle;
  return previous === null
    ? `insert rule ${where} index ${at} ${edit.rule}`
    : `add rule ${where} handle ${previous} ${edit.rule}`;
}

/** Carries out a change of a native nftables chain in one transaction. */
export async function applyNft(
  change: NetfilterChange,
  options: NetfilterOptions,
): Promise<readonly PlannedEdit[]> {
  const table = await readTable(change, options);
  const { steps } = planEdits(change, readChain(change, table));
  const where = `${table.family} ${table.name} ${change.chain}`;
  const text = steps.map((step) => `${line(where, step)}\n`).join("");
  await runProgram("nft", ["-f", "-"], { ...options, stdin: text });
  return steps;
}
