import { parseIptables } from "../../flannel/firewall/parse_iptables.ts";
import type { NetfilterBackend, Table } from "../../flannel/firewall/rule.ts";
import { runProgram } from "../program.ts";
import type { NetfilterOptions } from "./inspect_netfilter.ts";
import { restoreIptables } from "./iptables_restore.ts";

/** The `iptables` a host calls by that name, whichever variant it is. */
export interface PlainIptables {
  readonly family: 4 | 6;
  readonly backend: Exclude<NetfilterBackend, "nftables">;
  /** Version such as `1.8.9`. */
  readonly version: string;
}

function program(family: 4 | 6, suffix = ""): string {
  return `${family === 4 ? "iptables" : "ip6tables"}${suffix}`;
}

/**
 * Which `iptables` the host has by its plain name: the one that flanneld and
 * Docker call.
 *
 * @throws {ProgramError} when there is none, or it may not be run
 */
export async function plainIptables(
  family: 4 | 6,
  options: NetfilterOptions = {},
): Promise<PlainIptables> {
  const name = program(family);
  const { stdout } = await runProgram(name, ["--version"], options);
  return {
    family,
    // Before 1.8 there was only the legacy one, which does not say so.
    backend: stdout.includes("nf_tables") ? "iptables-nft" : "iptables-legacy",
    version: /v(\d+(?:\.\d+)*)/.exec(stdout)?.[1] ?? "0",
  };
}

/** One table as `iptables-save` prints it; null when the kernel has none. */
export async function savePlainTable(
  tool: PlainIptables,
  table: string,
  options: NetfilterOptions = {},
): Promise<Table | null> {
  const { stdout } = await runProgram(
    program(tool.family, "-save"),
    ["-t", table],
    options,
  );
  const { tables } = parseIptables(stdout, tool.family === 4 ? "ip" : "ip6");
  return tables.find((each) => each.name === table) ?? null;
}

/**
 * Gives a text to `iptables-restore --noflush`: each table's changes are made
 * at once or not at all.
 *
 * @throws {ProgramError} when it is refused; nothing of that table was changed
 */
export async function restorePlain(
  tool: PlainIptables,
  text: string,
  options: NetfilterOptions = {},
): Promise<void> {
  await restoreIptables(program(tool.family, "-restore"), text, options);
}
