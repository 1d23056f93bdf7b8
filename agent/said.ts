import type { Logger } from "./log.ts";

/** Longest time, ms, between two lines that say the same trouble. */
const REPEAT_MS = 60_000;

/** Says trouble when it is new, then once a minute. */
export class Said {
  readonly #log: Logger;
  readonly #now: () => number;
  #last = "";
  #at = 0;

  constructor(log: Logger, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  /** Writes a warning, unless it was written last, less than a minute ago. */
  warn(message: string): void {
    const now = this.#now();
    if (message === this.#last && now - this.#at < REPEAT_MS) return;
    [this.#last, this.#at] = [message, now];
    this.#log.warning(message);
  }
}
