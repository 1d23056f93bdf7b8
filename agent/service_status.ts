/**
 * What the service manager is told while the agent runs.
 *
 * @module
 */
import { pause } from "../stores/backoff.ts";
import type { Logger } from "./log.ts";
import { notify } from "./notify.ts";

/** Options of {@linkcode keepServiceStatus}. */
export interface ServiceStatusOptions {
  /** Value of `$NOTIFY_SOCKET`. */
  readonly socket: string;
  /** Value of `$WATCHDOG_USEC`; 0 when no sign of life is asked for. */
  readonly watchdogUsec: number;
  /** One line for `systemctl status`. */
  readonly status: () => string;
  /** Whether the agent does its work, so that it may be let go on. */
  readonly isAlive: () => boolean;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** The status is brought up to date so often, milliseconds. */
const PERIOD_MS = 5_000;

/**
 * Sends `STATUS=` when it has changed, and `WATCHDOG=1` in good time if asked
 * for, `sd_watchdog_enabled(3)`. An agent that hangs is not said to be alive.
 */
export async function keepServiceStatus(
  options: ServiceStatusOptions,
): Promise<void> {
  const { socket, watchdogUsec, status, isAlive, log, signal } = options;
  if (socket === "") return;
  const period = watchdogUsec > 0
    ? Math.min(PERIOD_MS, watchdogUsec / 3_000)
    : PERIOD_MS;
  let told = "";
  while (!signal.aborted) {
    const lines: string[] = [];
    const now = status().replaceAll(/\s+/g, " ");
    if (now !== told) lines.push(`STATUS=${now}`);
    if (watchdogUsec > 0 && isAlive()) lines.push("WATCHDOG=1");
    told = now;
    if (lines.length > 0) notify(socket, lines.join("\n"), log);
    await pause(period, signal);
  }
}
