/** A signal that aborts after a time or with one of the given signals. */
export class Deadline {
  /** Whether the time was over first. */
  expired = false;
  readonly #controller = new AbortController();
  readonly #sources: readonly AbortSignal[];
  readonly #timer: ReturnType<typeof setTimeout>;

  /** @param ms time to the abort, milliseconds */
  constructor(ms: number, sources: readonly (AbortSignal | undefined)[]) {
    this.#sources = sources.filter((source) => source !== undefined);
    this.#timer = setTimeout(() => {
      this.expired = true;
      this.#controller.abort(new Error(`No answer within ${ms} ms`));
    }, ms);
    for (const source of this.#sources) {
      if (source.aborted) this.#forward(source);
      source.addEventListener("abort", this.#onAbort);
    }
  }

  /** What to hand on. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the deadline; the other signals still abort. */
  disarm(): void {
    clearTimeout(this.#timer);
  }

  /** Ends all: nothing hangs on the sources any more. */
  clear(): void {
    this.disarm();
    for (const source of this.#sources) {
      source.removeEventListener("abort", this.#onAbort);
    }
  }

  /** Ends all, and what runs under the signal. */
  cancel(): void {
    this.clear();
    this.#controller.abort(new Error("Cancelled"));
  }

  readonly #onAbort = (event: Event) =>
    this.#forward(event.target as AbortSignal);

  #forward(source: AbortSignal): void {
    this.#controller.abort(source.reason);
  }
}
