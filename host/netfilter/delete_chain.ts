import type { NetfilterBackend } from "../../flannel/firewall/rule.ts";
import { runProgram } from "../program.ts";
import type { NetfilterOptions } from "./inspect_netfilter.ts";
import { iptablesPrograms } from "./iptables_programs.ts";
import { restoreIptables } from "./iptables_restore.ts";
import { NetfilterError } from "./netfilter_error.ts";

/** A chain of iptables to take away, with what is in it. */
export interface ChainToDelete {
  readonly backend: Exclude<NetfilterBackend, "nftables">;
  readonly family: 4 | 6;
  readonly table: string;
  readonly chain: string;
  /** Rules that lead to it: their chains and their texts after `-A CHAIN`. */
  readonly jumps: readonly { readonly chain: string; readonly rule: string }[];
}

/**
 * Takes a chain, its rules and the jumps to it away, all at once or nothing.
 *
 * @throws {NetfilterError} when the backend's tools are not installed
 * @throws {ProgramError} when it is refused, because something else refers to
 * the chain for instance
 */
export async function deleteChain(
  { backend, family, table, chain, jumps }: ChainToDelete,
  options: NetfilterOptions = {},
): Promise<void> {
  const variant = backend === "iptables-nft" ? "nft" : "legacy";
  const programs = await iptablesPrograms(variant, family, options);
  if (programs === null) {
    const what = `iptables-${variant}-restore is not installed`;
    throw new NetfilterError("no-tools", backend, what);
  }
  const text = [
    `*${table}`,
    ...jumps.map((jump) => `-D ${jump.chain} ${jump.rule}`),
    `-F ${chain}`,
    `-X ${chain}`,
    "COMMIT",
    "",
  ].join("\n");
  await restoreIptables(programs.restore, text, options);
}

/**
 * Takes a table of nftables away with everything in it.
 *
 * @param family of nftables: `ip`, `ip6`, …
 * @throws {ProgramError} when `nft` is missing or refuses
 */
export async function deleteNftTable(
  family: string,
  table: string,
  options: NetfilterOptions = {},
): Promise<void> {
  const stdin = `delete table ${family} ${table}\n`;
  await runProgram("nft", ["-f", "-"], { ...options, stdin });
}
