import { setTimeout } from "node:timers/promises";

/** One pass after another over what has not answered, at a bounded rate. */
export interface SweepPlan {
  /** Targets, by position. */
  readonly count: number;
  /** Wait for answers after the last request of a pass, in milliseconds. */
  readonly timeoutMs: number;
  /** Further passes over the silent. */
  readonly retries: number;
  /** Most requests in one second. */
  readonly ratePerSecond: number;
  /**
   * Time after the last request in which a second answer may still come, in
   * milliseconds, when everyone has answered once.
   */
  readonly lingerMs: number;
  /** Whether a target has answered. */
  answered(target: number): boolean;
  /**
   * Sends requests to these targets.
   *
   * @returns How many were taken; fewer means that the device is busy, and the
   * rest is given again.
   */
  send(targets: readonly number[]): number;
  /** Reads what has come in. */
  receive(): void;
}

/** Pace of sending and reading, in milliseconds. */
const TICK_MS = 2;

/**
 * Runs a sweep to its end: every target has answered, or every pass is over.
 * Between ticks of two milliseconds other work of the process gets its turn.
 * For each pass the time is that of its requests at the rate and the timeout,
 * and once more as much at most for a device that takes nothing; what others
 * take of the processor comes on top.
 *
 * @returns Elapsed milliseconds.
 */
export async function runSweep(plan: SweepPlan): Promise<number> {
  const start = performance.now();
  let lastSent = start;
  let silent = Array.from({ length: plan.count }, (_, target) => target);
  for (let pass = 0; pass <= plan.retries && silent.length > 0; pass++) {
    await sendPaced(plan, silent);
    lastSent = performance.now();
    do {
      await setTimeout(TICK_MS);
      plan.receive();
      silent = silent.filter((target) => !plan.answered(target));
    } while (
      silent.length > 0 && performance.now() < lastSent + plan.timeoutMs
    );
  }
  while (performance.now() < lastSent + plan.lingerMs) {
    await setTimeout(TICK_MS);
    plan.receive();
  }
  // What came while others had the processor.
  plan.receive();
  return performance.now() - start;
}

/** Sends to each target once; what a busy device does not take is given up. */
async function sendPaced(
  plan: SweepPlan,
  targets: readonly number[],
): Promise<void> {
  const start = performance.now();
  // Only a busy device uses it up: on a busy machine a target that nobody
  // asked must not pass for one that is silent.
  const patience = 1000 * targets.length / plan.ratePerSecond + plan.timeoutMs;
  let refusedSince: number | null = null;
  let next = 0;
  while (next < targets.length) {
    const now = performance.now();
    if (refusedSince !== null && now - refusedSince > patience) return;
    const due = 1 + Math.floor((now - start) * plan.ratePerSecond / 1000);
    if (due > next) {
      const taken = plan.send(targets.slice(next, due));
      refusedSince = taken > 0 ? null : refusedSince ?? now;
      next += taken;
    }
    plan.receive();
    if (next < targets.length) await setTimeout(TICK_MS);
  }
}
