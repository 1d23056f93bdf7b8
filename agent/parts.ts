/**
 * Work that belongs together: when one part fails all are stopped.
 *
 * @module
 */

/** Parts that run side by side. */
export class Parts {
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #running: Promise<void>[] = [];
  readonly #failed = Promise.withResolvers<never>();

  constructor(signal: AbortSignal) {
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
    // Nobody may be waiting yet when a part fails.
    this.#failed.promise.catch(() => {});
  }

  /** Aborts when all parts are to end. */
  get signal(): AbortSignal {
    return this.#signal;
  }

  /** Starts a part; it ends when its signal aborts. */
  add(part: (signal: AbortSignal) => Promise<void>): void {
    const running = part(this.#signal).catch((error: unknown) => {
      this.#failed.reject(error);
      this.#stop.abort();
    });
    this.#running.push(running);
  }

  /** Waits for a promise, for the end of all parts, or for a failure. */
  async until(promise: Promise<void>): Promise<void> {
    const all = Promise.all(this.#running);
    await Promise.race([promise, all, this.#failed.promise]);
  }

  /** Waits for the end of all parts; throws what one of them threw. */
  async done(): Promise<void> {
    await Promise.race([Promise.all(this.#running), this.#failed.promise]);
    await Promise.race([this.#failed.promise, Promise.resolve()]);
  }

  /** Stops all parts and waits for their end. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }
}
