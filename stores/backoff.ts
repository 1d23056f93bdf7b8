/** Waits between attempts: 100 ms, doubling to 5 s, each with jitter. */
export class Backoff {
  readonly #firstMs: number;
  readonly #lastMs: number;
  #nextMs: number;

  constructor(firstMs = 100, lastMs = 5_000) {
    this.#firstMs = firstMs;
    this.#lastMs = lastMs;
    this.#nextMs = firstMs;
  }

  /** The next wait in milliseconds: between a half and the whole of the step. */
  next(): number {
    const step = this.#nextMs;
    this.#nextMs = Math.min(2 * step, this.#lastMs);
    return step * (0.5 + Math.random() / 2);
  }

  /** Starts over: the last attempt went well. */
  reset(): void {
    this.#nextMs = this.#firstMs;
  }

  /** Waits; returns early, without throwing, when the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    return pause(this.next(), signal);
  }
}

/** Waits so many milliseconds, or until the signal aborts. Never throws. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
