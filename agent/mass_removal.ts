/**
 * Tells the loss of the records from hosts that leave.
 *
 * @module
 */
import type { Lease } from "../flannel/lease.ts";
import { isMost } from "./lease_table.ts";

/** Options of {@linkcode MassRemoval}. */
export interface MassRemovalOptions {
  /** Leases that go within this time go together, ms. @default 60000 */
  readonly withinMs?: number;
  /** @default performance.now */
  readonly now?: () => number;
}

interface Gone {
  readonly lease: Lease;
  readonly at: number;
}

/**
 * Remembers which leases went of late. One by one hosts leave; when most of
 * them do within a minute somebody deleted the records, and the hosts write
 * them again as soon as they notice.
 */
export class MassRemoval {
  readonly #withinMs: number;
  readonly #now: () => number;
  readonly #gone = new Map<string, Gone>();
  #doubtUntil = -Infinity;

  constructor(options: MassRemovalOptions = {}) {
    this.#withinMs = options.withinMs ?? 60_000;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Whether these leases go with so many others that it is not to be believed.
   *
   * @param left how many leases there are without them
   */
  isDoubtful(leases: readonly Lease[], left: number): boolean {
    const at = this.#now();
    for (const [key, { at: then }] of this.#gone) {
      if (at - then >= this.#withinMs) this.#gone.delete(key);
    }
    for (const lease of leases) this.#gone.set(lease.key, { lease, at });
    const { size } = this.#gone;
    // The rest of them, too: those that stay for now are counted as left.
    if (at < this.#doubtUntil || isMost(size, size + left)) {
      this.#doubtUntil = at + this.#withinMs;
    }
    return at < this.#doubtUntil;
  }

  /** Leases that went of late, which are believed to be there from now on. */
  takeBack(): Lease[] {
    const leases = [...this.#gone.values()].map(({ lease }) => lease);
    this.#gone.clear();
    return leases;
  }

  /** A lease is there again. */
  forget(key: string): void {
    this.#gone.delete(key);
  }
}
