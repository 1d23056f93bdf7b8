import { ProgramError, runProgram } from "../program.ts";
import type { NetfilterOptions } from "./inspect_netfilter.ts";

/** Seconds to wait for whoever holds the xtables lock: Docker, kube-proxy. */
const LOCK_WAIT = 10;

/**
 * Gives a text to `iptables-restore --noflush`, which makes each table's
 * changes at once or not at all. Releases before 1.6.2 know no `--wait`.
 *
 * @param program such as `iptables-nft-restore`
 * @throws {ProgramError} when it is refused; nothing of that table was changed
 */
export async function restoreIptables(
  program: string,
  text: string,
  options: NetfilterOptions = {},
): Promise<void> {
  const run = (args: readonly string[]) =>
    runProgram(program, ["--noflush", ...args], { ...options, stdin: text });
  try {
    await run([`--wait=${LOCK_WAIT}`]);
  } catch (error) {
    const isOld = error instanceof ProgramError &&
      /unrecognized option .*wait/.test(error.stderr);
    if (!isOld) throw error;
    await run([]);
  }
}
