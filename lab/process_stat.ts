/**
 * A process by number and start time: numbers are used again, the pair is not.
 *
 * @module
 */

import { readText } from "../host/raw_files.ts";
import { run } from "./run.ts";

/** What identifies a process as long as the machine runs. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot, field 22 of `/proc/PID/stat`. */
  readonly startTime: string;
}

/** A line of `/proc/PID/stat`; the name may hold blanks and brackets. */
export interface ProcessStat extends ProcessIdentity {
  /** `R`, `S`, `T`, `Z` and so on, proc(5). */
  readonly state: string;
}

/**
 * Parses `/proc/PID/stat`, proc(5).
 *
 * @returns Undefined for text that is not one whole line of it.
 */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const close = text.lastIndexOf(")");
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(close + 2).split(" ");
  const [state, startTime] = [fields[0], fields[19]];
  if (close < 0 || Number.isNaN(pid) || !state || !startTime) return undefined;
  return { pid, state, startTime };
}

/** Whether exactly that process lives; one that waits for its parent does not. */
export function isAlive(process: ProcessIdentity): boolean {
  const stat = readStat(process.pid);
  return stat !== undefined && stat.startTime === process.startTime &&
    stat.state !== "Z" && stat.state !== "X";
}

function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readText(`/proc/${pid}/stat`));
  } catch {
    return undefined;
  }
}

/**
 * Ends exactly that process with SIGKILL and waits until it is gone.
 *
 * @throws {Error} when it is still there after a minute.
 */
export async function killProcess(process: ProcessIdentity): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (isAlive(process)) {
    if (performance.now() > deadline) {
      throw new Error(
        `Cannot end process ${process.pid}: it is still there after 60 s`,
      );
    }
    // Deno's own kill() wants leave to run every program there is.
    await run(["sh", "-c", `kill -KILL ${process.pid}`]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
