/**
 * The programs that make a lab, known by a mark in their environment: those of
 * a run that was killed go on for a while.
 *
 * @module
 */
import { listDirectory, readText } from "../host/raw_files.ts";
import { killProcess, parseProcessStat } from "./process_stat.ts";

const VARIABLE = "FLANDOC_LAB_BUILDER";

/** Variables for a program that makes a part of a lab. */
export function builderEnvironment(name: string): Record<string, string> {
  return { [VARIABLE]: name };
}

/**
 * Ends what still makes a lab and all that it has started, so that nothing is
 * made while the lab is taken down.
 */
export async function endBuilders(name: string): Promise<void> {
  for (;;) {
    const found = buildersOf(name);
    if (found.length === 0) return;
    for (const process of found) await killProcess(process);
  }
}

function buildersOf(name: string) {
  const mark = `${VARIABLE}=${name}`;
  return listDirectory("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const marks = readText(`/proc/${entry}/environ`).split("\0");
      if (!marks.includes(mark)) return [];
      const stat = parseProcessStat(readText(`/proc/${entry}/stat`));
      return stat === undefined || stat.state === "Z" ? [] : [stat];
    } catch {
      // It has ended.
      return [];
    }
  });
}
