import { pause } from "../stores/backoff.ts";

/** Has something done later, once, however often that is asked for meanwhile. */
export class Later {
  #isSet = false;

  /** After so many milliseconds; not at all when the signal aborts before. */
  set(ms: number, signal: AbortSignal, work: () => void): void {
    if (this.#isSet) return;
    this.#isSet = true;
    void pause(ms, signal).then(() => {
      this.#isSet = false;
      if (!signal.aborted) work();
    });
  }
}
