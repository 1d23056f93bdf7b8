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
  /** As many again in this time, milliseconds, evenly spread over it. */
  readonly withinMs: number;
  /** Clock in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/**
 * Counts repairs by what is repaired.
 *
 * After `most` at once one more is allowed each `withinMs / most`: somebody
 * who fights gets the same number of repairs against him in the long run, and
 * when he ends, a route is away for that long, not for the whole period.
 */
export class Restraint {
  readonly #intervalMs: number;
  readonly #withinMs: number;
  readonly #now: () => number;
  /** When the repairs made so far are paid off, by what was repaired. */
  readonly #paid = new Map<string, number>();
  readonly #told = new Set<string>();

  constructor(options: RestraintOptions) {
    this.#intervalMs = options.withinMs / options.most;
    this.#withinMs = options.withinMs;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Whether something may be repaired now: `yes`; `last` when it has been
   * often enough, said once, so that the caller can tell who is against whom;
   * then `no` until the next one is due.
   */
  allow(key: string): "yes" | "last" | "no" {
    if (!this.isHeld(key)) {
      const debt = this.#debt(key);
      // Quiet for long: the next fight is worth a line again.
      if (debt === 0) this.#told.delete(key);
      this.#paid.set(key, this.#now() + debt + this.#intervalMs);
      return "yes";
    }
    if (this.#told.has(key)) return "no";
    this.#told.add(key);
    return "last";
  }

  /** Whether something has been repaired too often of late. */
  isHeld(key: string): boolean {
    return this.dueMs(key) > 0;
  }

  /** Milliseconds until something may be repaired again; 0 when it may be now. */
  dueMs(key: string): number {
    const due = this.#debt(key) - this.#withinMs + this.#intervalMs;
    // Half a millisecond for what a sum of fractions loses.
    return due > 0.5 ? due : 0;
  }

  /** Whether nothing was repaired of late. */
  get isEmpty(): boolean {
    return this.#paid.size === 0;
  }

  /** Forgets what has not been repaired for long. */
  prune(): void {
    for (const key of this.#paid.keys()) {
      if (this.#debt(key) > 0) continue;
      this.#paid.delete(key);
      this.#told.delete(key);
    }
  }

  /** Milliseconds until the repairs of something are paid off. */
  #debt(key: string): number {
    return Math.max(0, (this.#paid.get(key) ?? 0) - this.#now());
  }
}
