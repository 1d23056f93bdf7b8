/**
 * Timers and the clock that only goes on, moved by the test: no machine is too
 * slow for them.
 *
 * @module
 */

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Stands in for `setTimeout` and `performance.now` until it is disposed of. */
export class FakeTime implements Disposable {
  readonly #real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    now: performance.now,
  };
  readonly #timers = new Map<number, Timer>();
  #now = 1_000;
  #last = 0;

  constructor() {
    const set = (run: () => void, ms = 0): number => {
      this.#timers.set(++this.#last, { at: this.#now + ms, run });
      return this.#last;
    };
    const clear = (id?: number) => void this.#timers.delete(id ?? 0);
    globalThis.setTimeout = set as unknown as typeof globalThis.setTimeout;
    globalThis.clearTimeout =
      clear as unknown as typeof globalThis.clearTimeout;
    performance.now = () => this.#now;
  }

  /** Milliseconds by this clock. */
  get now(): number {
    return this.#now;
  }

  /** Lets time go by; timers run in their order, promises after each. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.#settle();
    for (;;) {
      const [id, timer] = this.#next() ?? [];
      if (id === undefined || timer === undefined || timer.at > end) break;
      this.#timers.delete(id);
      this.#now = timer.at;
      timer.run();
      await this.#settle();
    }
    this.#now = end;
  }

  #next(): [number, Timer] | undefined {
    return [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0];
  }

  /** A turn of the real event loop: all that is ready has run after it. */
  #settle(): Promise<void> {
    return new Promise((resolve) => this.#real.setTimeout(resolve, 0));
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#real.setTimeout;
    globalThis.clearTimeout = this.#real.clearTimeout;
    performance.now = this.#real.now;
  }
}
