/**
 * Reads every netfilter backend of a network namespace, and says why each was
 * or was not read. Nothing is created or loaded by looking.
 *
 * @module
 */
import { IPTABLES_TABLES } from "../../flannel/firewall/iptables_hooks.ts";
import { parseIptables } from "../../flannel/firewall/parse_iptables.ts";
import { parseNft } from "../../flannel/firewall/parse_nft.ts";
import { withoutBaseChains } from "../../flannel/firewall/without_base_chains.ts";
import type {
  NetfilterBackend,
  Table,
  UnreadTables,
} from "../../flannel/firewall/rule.ts";
import { ProgramError, runProgram } from "../program.ts";
import { SystemError } from "../system_error.ts";
import { iptablesPrograms, type IptablesVariant } from "./iptables_programs.ts";
import { legacyTables } from "./legacy_tables.ts";
import { listNftTables, type NftTableName } from "./nft_tables.ts";

/** Where netfilter is looked at. */
export interface NetfilterOptions {
  /** Network namespace by name or path. @default the thread's own */
  readonly netns?: string;
  /** Ends the programs that are still reading. */
  readonly signal?: AbortSignal;
}

/** What was found of one backend. */
export interface BackendReport {
  readonly backend: NetfilterBackend;
  /** Unknown when it holds something that could not be read. */
  readonly state: "present" | "absent" | "unknown";
  /** How that is known, in plain words. */
  readonly reason: string;
  /** Its tables when present, else empty. */
  readonly tables: readonly Table[];
  /** Families of which it holds tables that could not be read. */
  readonly unread?: readonly UnreadTables[];
}

function names(tables: readonly NftTableName[]): string {
  return tables.map((table) => `${table.family} ${table.name}`).join(", ");
}

/** Why something could not be read, in the words of what refused. */
function reasonOf(error: unknown): string {
  if (error instanceof SystemError && error.code === "EPERM") {
    return "not permitted to read netfilter, which takes root";
  }
  if (error instanceof ProgramError || error instanceof SystemError) {
    return error.message;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "not permitted to read /proc/net/ip_tables_names, which takes root";
  }
  if (error instanceof Deno.errors.NotCapable) return error.message;
  throw error;
}

async function save(
  variant: IptablesVariant,
  family: 4 | 6,
  options: NetfilterOptions,
) {
  const programs = await iptablesPrograms(variant, family, options);
  if (programs === null) return null;
  const { stdout } = await runProgram(programs.save, ["-c"], options);
  return parseIptables(stdout, family === 4 ? "ip" : "ip6");
}

/** The legacy tables of one family, or why they could not be read. */
async function readLegacy(
  family: 4 | 6,
  options: NetfilterOptions,
): Promise<{ text: string; tables: readonly Table[] } | UnreadTables | null> {
  const existing = legacyTables(family, options.netns);
  if (existing.length === 0) return null;
  const word = family === 4 ? "" : "6";
  const text = `/proc/net/ip${word}_tables_names lists ${existing.join(", ")}`;
  const unread = (why: string) => ({
    family: family === 4 ? "ip" : "ip6",
    reason: `${text}, but ${why}`,
  });
  try {
    const saved = await save("legacy", family, options);
    return saved === null
      ? unread(`ip${word}tables-legacy-save is not installed`)
      : { text, tables: saved.tables };
  } catch (error) {
    return unread(reasonOf(error));
  }
}

/**
 * Legacy iptables: read only where the kernel says that tables exist. What it
 * holds of one family says nothing of the other's packets.
 */
async function inspectLegacy(
  options: NetfilterOptions,
): Promise<BackendReport> {
  const backend = "iptables-legacy" as const;
  try {
    const found = [
      await readLegacy(4, options),
      await readLegacy(6, options),
    ].filter((each) => each !== null);
    const read = found.filter((each) => "tables" in each);
    const unread = found.filter((each) => "family" in each);
    if (found.length === 0) {
      const reason = "/proc/net/ip_tables_names lists no table";
      return { backend, state: "absent", reason, tables: [] };
    }
    return {
      backend,
      state: "present",
      reason: found.map((each) => "text" in each ? each.text : each.reason)
        .join("; "),
      tables: read.flatMap(({ tables }) => tables),
      ...(unread.length === 0 ? {} : { unread }),
    };
  } catch (error) {
    const reason = reasonOf(error);
    return { backend, state: "unknown", reason, tables: [] };
  }
}

function isIptablesName({ family, name }: NftTableName): boolean {
  return (family === "ip" || family === "ip6") &&
    IPTABLES_TABLES.includes(name);
}

/** What iptables-nft-save could show, and which tables it could not. */
async function readIptablesNft(
  listed: readonly NftTableName[],
  options: NetfilterOptions,
): Promise<{
  readonly tables: readonly Table[];
  /** Tables that `nft` has to show, in whole or in part. */
  readonly left: readonly NftTableName[];
  readonly missing: boolean;
}> {
  const tables: Table[] = [];
  const left: NftTableName[] = [];
  let missing = false;
  for (const family of [4, 6] as const) {
    const name = family === 4 ? "ip" : "ip6";
    const wanted = listed.filter((table) => table.family === name);
    if (wanted.length === 0) continue;
    const saved = await save("nft", family, options);
    if (saved === null) {
      missing = true;
      left.push(...wanted);
      continue;
    }
    tables.push(...saved.tables);
    // Refused tables, those it does not know as its own, and those that have
    // base chains it does not show.
    const shown = new Set(saved.tables.map((table) => table.name));
    left.push(
      ...wanted.filter((table) =>
        !shown.has(table.name) || saved.incomplete.includes(table.name)
      ),
    );
  }
  return { tables, left, missing };
}

/** The base chains of a table that iptables-nft-save shows, by name. */
function shownChains(saved: readonly Table[], table: Table): Set<string> {
  const same = saved.find(({ family, name }) =>
    family === table.family && name === table.name
  );
  return new Set(
    same?.chains.filter(({ hook }) => hook !== null).map(({ name }) => name),
  );
}

async function readNative(
  listed: readonly NftTableName[],
  saved: readonly Table[],
  options: NetfilterOptions,
): Promise<Table[]> {
  const [json, listing] = await Promise.all([
    runProgram("nft", ["-j", "list", "ruleset"], options),
    runProgram("nft", ["-s", "-a", "list", "ruleset"], options),
  ]);
  const wanted = new Set(listed.map(({ family, name }) => `${family} ${name}`));
  return parseNft(json.stdout, listing.stdout)
    .filter((table) => wanted.has(`${table.family} ${table.name}`))
    .map((table) => withoutBaseChains(table, shownChains(saved, table)));
}

/** nf_tables holds two backends: iptables-nft's tables, and all others. */
async function inspectNft(options: NetfilterOptions): Promise<BackendReport[]> {
  const both = ["iptables-nft", "nftables"] as const;
  const all = (state: BackendReport["state"], reason: string) =>
    both.map((backend) => ({ backend, state, reason, tables: [] }));
  let listed: NftTableName[];
  try {
    listed = listNftTables(options.netns);
  } catch (error) {
    return all("unknown", reasonOf(error));
  }
  if (listed.length === 0) {
    return all("absent", "the kernel lists no nft table");
  }
  const iptables = listed.filter(isIptablesName);
  let native = listed.filter((table) => !isIptablesName(table));
  const reports: BackendReport[] = [];
  let saved: readonly Table[] = [];
  try {
    const { tables, left, missing } = await readIptablesNft(iptables, options);
    native = [...left, ...native];
    saved = tables;
    reports.push({
      backend: "iptables-nft",
      state: tables.length === 0 ? "absent" : "present",
      reason: tables.length > 0
        ? `the kernel lists nft tables ${names(iptables)}`
        : missing
        ? `iptables-nft-save is not installed: ${names(left)} read by nft`
        : "no nft table is iptables'",
      tables,
    });
  } catch (error) {
    reports.push({
      backend: "iptables-nft",
      state: "unknown",
      reason: reasonOf(error),
      tables: [],
    });
  }
  reports.push(await inspectNative(native, saved, options));
  return reports;
}

async function inspectNative(
  listed: readonly NftTableName[],
  saved: readonly Table[],
  options: NetfilterOptions,
): Promise<BackendReport> {
  const backend = "nftables" as const;
  if (listed.length === 0) {
    const reason = "the kernel lists no nft table besides iptables'";
    return { backend, state: "absent", reason, tables: [] };
  }
  const reason = `the kernel lists nft tables ${names(listed)}`;
  try {
    const tables = await readNative(listed, saved, options);
    return { backend, state: "present", reason, tables };
  } catch (error) {
    const why = error instanceof ProgramError && error.failure === "missing"
      ? "nft is not installed"
      : error instanceof SyntaxError
      ? `nft did not print JSON (${error.message})`
      : reasonOf(error);
    return {
      backend,
      state: "unknown",
      reason: `${reason}, but ${why}`,
      tables: [],
    };
  }
}

/**
 * Reads the three backends. Never throws for what a host may lack.
 *
 * @returns reports in the order iptables-nft, iptables-legacy, nftables
 */
export async function inspectNetfilter(
  options: NetfilterOptions = {},
): Promise<readonly BackendReport[]> {
  const [[nft, native], legacy] = await Promise.all([
    inspectNft(options),
    inspectLegacy(options),
  ]);
  return [nft!, legacy, native!];
}
