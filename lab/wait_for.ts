/**
 * Waiting with an end.
 *
 * @module
 */

/** How long and how often to look. */
export interface WaitOptions {
  /** Milliseconds until it is given up. */
  readonly timeoutMs: number;
  /** Milliseconds between two looks. @default 10 */
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Looks again and again until the condition holds.
 *
 * @param what Completes the sentence "Gave up waiting for …".
 * @throws {Error} when it does not hold in time, or what the condition throws.
 */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  options: WaitOptions,
): Promise<void> {
  const end = performance.now() + options.timeoutMs;
  while (!await condition()) {
    options.signal?.throwIfAborted();
    if (performance.now() > end) {
      throw new Error(
        `Gave up waiting for ${what} after ${options.timeoutMs / 1000} s`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 10));
  }
}
