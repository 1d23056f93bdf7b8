/**
 * When the own lease is renewed.
 *
 * @module
 */
import { pause } from "../stores/backoff.ts";
import type { Logger } from "./log.ts";

/** Options of {@linkcode Renewal}. */
export interface RenewalOptions {
  readonly log: Logger;
  /** Milliseconds before the end at which to renew. */
  readonly marginMs: number;
  readonly signal: AbortSignal;
  /** Renews; false when the lease was not as expected. Throws on trouble. */
  readonly renew: () => Promise<boolean>;
  /** Milliseconds that only go on. @default performance.now */
  readonly now?: () => number;
  /** Milliseconds of the day. @default Date.now */
  readonly wall?: () => number;
}

/** A failed renewal is tried again so much later at most, milliseconds. */
const RETRY_MS = 60_000;

/** The clocks are looked at so often at least, milliseconds. */
const LONGEST_MS = 30_000;

/** When to renew, on the clock of the lease's end. */
export function renewAt(
  expires: number,
  now: number,
  marginMs: number,
): number {
  // A short lease is renewed half way, whatever the margin.
  return expires - Math.min(marginMs, Math.max(0, expires - now) / 2);
}

/** Wait before another try: a minute, less when the end is near; ms. */
export function retryAfter(expires: number, now: number): number {
  return Math.min(RETRY_MS, Math.max(1_000, (expires - now) / 4));
}

/**
 * Renews a lease before its end, again and again. The clock that only goes on
 * stands still while the host sleeps, and the clock of the day may be set back;
 * the lease is due when either of them says so.
 */
export class Renewal {
  readonly #options: RenewalOptions;
  readonly #now: () => number;
  readonly #wall: () => number;
  #expires: number | null = null;
  #due = Infinity;
  /** The same on the clock of the day. */
  #wallDue = Infinity;
  #wake = new AbortController();

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#wall = options.wall ?? (() => Date.now());
  }

  /** The lease's new end; null for one that has none. */
  set(expires: number | null): void {
    this.#expires = expires;
    const now = this.#now();
    this.#setDue(
      expires === null
        ? Infinity
        : renewAt(expires, now, this.#options.marginMs) - now,
    );
    this.#wake.abort();
  }

  /** @param waitMs from now on */
  #setDue(waitMs: number): void {
    this.#due = this.#now() + waitMs;
    this.#wallDue = this.#wall() + waitMs;
  }

  /** Milliseconds until the lease is due. */
  #left(): number {
    return Math.min(this.#due - this.#now(), this.#wallDue - this.#wall());
  }

  /** Runs until the signal aborts. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const wait = this.#left();
      if (wait > 0) {
        const either = AbortSignal.any([signal, this.#wake.signal]);
        await pause(Math.min(wait, LONGEST_MS), either);
        continue;
      }
      await this.#renew();
    }
  }

  async #renew(): Promise<void> {
    const { log, renew } = this.#options;
    const due = this.#due;
    try {
      if (await renew()) log.info("Renewed our lease");
    } catch (error) {
      if (this.#options.signal.aborted) return;
      if (error instanceof Error && error.name === "NetworkChanged") {
        throw error;
      }
      const message = error instanceof Error ? error.message : String(error);
      const left = (this.#expires ?? 0) - this.#now();
      log.error(`Cannot renew our lease: ${message}`, {
        secondsLeft: Math.round(left / 1000),
      });
    }
    // Neither renewed nor replaced: another try soon.
    if (this.#due === due) {
      const now = this.#now();
      const wait = retryAfter(this.#expires ?? now, now);
      this.#setDue(wait * (0.75 + Math.random() / 2));
    }
  }
}
