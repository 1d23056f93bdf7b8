/**
 * What a process costs, from `proc(5)`.
 *
 * @module
 */

/** The value below which so great a part of the values lies. */
export function percentile(
  values: readonly number[],
  fraction: number,
): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(fraction * sorted.length) - 1] ?? NaN;
}

/** Kernel's clock ticks a second in `/proc/PID/stat`, on every Linux. */
const TICKS = 100;

/** Percent of one core that a process uses over so many seconds. */
export async function processorShare(
  pid: number,
  seconds: number,
): Promise<number> {
  const before = processorSeconds(pid);
  const started = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const used = processorSeconds(pid) - before;
  return 100_000 * used / (performance.now() - started);
}

/** User and system time of all its threads. */
function processorSeconds(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  // Fields 14 and 15 of the page, which counts from 1; these begin with 3.
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Resident memory of a process, megabytes of 1,000,000 bytes. */
export function residentMemory(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1]) * 1.024 / 1_000;
}
