/**
 * Keeps the agent from fighting: something that is put right again and again
 * is being put wrong by somebody.
 *
 * @module
 */

/** Options of {@linkcode Restraint}. */
export interface RestraintOptions {
  /** Repairs of one thing that are made at once. */
  readonly most: number;
  /** Within this time, milliseconds; then one more is allowed. */
  readonly withinMs: number;
  /** Clock in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/** Counts repairs by what is repaired. */
export class Restraint {
  readonly #most: number;
  readonly #withinMs: number;
  readonly #now: () => number;
  readonly #times = new Map<string, number[]>();
  readonly #told = new Set<string>();

  constructor(options: RestraintOptions) {
    this.#most = options.most;
    this.#withinMs = options.withinMs;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Whether something may be repaired now: `yes`; `last` when it has been
   * often enough, said once, so that the caller can tell who is against whom;
   * then `no` until the oldest repair is long enough ago.
   */
  allow(key: string): "yes" | "last" | "no" {
    const now = this.#now();
    const times = (this.#times.get(key) ?? [])
      .filter((time) => now - time < this.#withinMs);
    if (times.length < this.#most) {
      times.push(now);
      this.#times.set(key, times);
      // Quiet for a whole period: the next fight is worth a line again.
      if (times.length === 1) this.#told.delete(key);
      return "yes";
    }
    this.#times.set(key, times);
    if (this.#told.has(key)) return "no";
    this.#told.add(key);
    return "last";
  }

  /** Whether something has been repaired too often of late. */
  isHeld(key: string): boolean {
    const now = this.#now();
    const times = this.#times.get(key) ?? [];
    return times.filter((t) => now - t < this.#withinMs).length >= this.#most;
  }

  /** Whether nothing was repaired of late. */
  get isEmpty(): boolean {
    return this.#times.size === 0;
  }

  /** Forgets what has not been repaired for a period. */
  prune(): void {
    const now = this.#now();
    for (const [key, times] of this.#times) {
      if (times.every((time) => now - time >= this.#withinMs)) {
        this.#times.delete(key);
        this.#told.delete(key);
      }
    }
  }
}
