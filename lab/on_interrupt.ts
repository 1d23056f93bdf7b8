/**
 * Ctrl-C while a lab is up.
 *
 * @module
 */

const SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs work that is told by a signal when the person or the system wants it to
 * end: Ctrl-C, SIGTERM, a closed terminal.
 *
 * @param work Gets a signal that aborts then; it has to clean up and throw.
 * @returns What the work returns.
 */
export async function onInterrupt<T>(
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort(new Error("Interrupted"));
  for (const signal of SIGNALS) Deno.addSignalListener(signal, abort);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, abort);
  }
}
