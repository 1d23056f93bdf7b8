import { parseNft } from "../../flannel/firewall/parse_nft.ts";
import type { Table } from "../../flannel/firewall/rule.ts";
import { ProgramError, runProgram } from "../program.ts";
import type { NetfilterOptions } from "./inspect_netfilter.ts";

/**
 * Gives a script to `nft -f`: one transaction, made at once or not at all.
 *
 * @throws {ProgramError} when it is refused; nothing was changed
 */
export async function runNft(
  script: string,
  options: NetfilterOptions = {},
): Promise<void> {
  await runProgram("nft", ["-f", "-"], { ...options, stdin: script });
}

/**
 * One nftables table, or null when there is none of that name.
 *
 * @throws {ProgramError} when `nft` is missing or fails
 */
export async function readNftTable(
  family: string,
  name: string,
  options: NetfilterOptions = {},
): Promise<Table | null> {
  try {
    const list = ["list", "table", family, name];
    const [json, listing] = await Promise.all([
      runProgram("nft", ["-j", ...list], options),
      runProgram("nft", ["-s", "-a", ...list], options),
    ]);
    return parseNft(json.stdout, listing.stdout)[0] ?? null;
  } catch (error) {
    const absent = error instanceof ProgramError &&
      /No such file or directory/.test(error.stderr);
    if (absent) return null;
    throw error;
  }
}
