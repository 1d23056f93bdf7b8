/**
 * The network's leases as known now.
 *
 * @module
 */
import type { Lease } from "../flannel/lease.ts";

/** Options of {@linkcode LeaseTable}. */
export interface LeaseTableOptions {
  /**
   * How long, milliseconds, peers are kept that a snapshot lacks which is not
   * to be trusted.
   */
  readonly holdMs: number;
  /** @default performance.now */
  readonly now?: () => number;
}

/** Leases by key. Of two that name one subnet only one counts. */
export class LeaseTable {
  readonly #leases = new Map<string, Lease>();
  /** When held leases go, by key. */
  readonly #held = new Map<string, number>();
  /** Keys by the subnets they name. */
  readonly #bySubnet = new Map<string, Set<string>>();
  readonly #options: LeaseTableOptions;
  readonly #now: () => number;

  constructor(options: LeaseTableOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  get size(): number {
    return this.#leases.size;
  }

  /** Takes a lease in; false when it is as it was. */
  put(lease: Lease): boolean {
    this.#held.delete(lease.key);
    const before = this.#leases.get(lease.key);
    this.#leases.set(lease.key, lease);
    for (const subnet of subnetsOf(lease)) {
      const keys = this.#bySubnet.get(subnet) ?? new Set();
      this.#bySubnet.set(subnet, keys.add(lease.key));
    }
    return before === undefined ||
      JSON.stringify(before.attributes) !== JSON.stringify(lease.attributes);
  }

  /** Takes a lease out; the lease that was there, or null. */
  remove(key: string): Lease | null {
    this.#held.delete(key);
    const lease = this.#leases.get(key);
    if (lease === undefined) return null;
    this.#leases.delete(key);
    for (const subnet of subnetsOf(lease)) {
      const keys = this.#bySubnet.get(subnet);
      keys?.delete(key);
      if (keys?.size === 0) this.#bySubnet.delete(subnet);
    }
    return lease;
  }

  /**
   * Replaces everything. Of an untrusted snapshot the leases that it lacks
   * stay a while: their hosts may be writing them again at this moment.
   */
  replace(leases: readonly Lease[], trusted: boolean): void {
    const keys = new Set(leases.map((lease) => lease.key));
    const until = this.#now() + this.#options.holdMs;
    for (const key of [...this.#leases.keys()]) {
      if (keys.has(key)) continue;
      if (trusted) this.remove(key);
      else if (!this.#held.has(key)) this.#held.set(key, until);
    }
    for (const lease of leases) this.put(lease);
  }

  /** Lets held leases go whose time is over; whether there were any. */
  expire(): boolean {
    const now = this.#now();
    const over = [...this.#held].filter(([, until]) => until <= now);
    for (const [key] of over) this.remove(key);
    return over.length > 0;
  }

  /** Whether leases are held. */
  get holding(): boolean {
    return this.#held.size > 0;
  }

  /** Whether another lease names a subnet of this one. */
  isContested(lease: Lease): boolean {
    return subnetsOf(lease).some((subnet) =>
      [...this.#bySubnet.get(subnet) ?? []].some((key) => key !== lease.key)
    );
  }

  /**
   * Every lease that counts, in the order of their keys. Where two keys name
   * one subnet, `10.5.1.0-24` and `10.5.1.0-24&fd00::-64`, the one that names
   * more does, so that no two routes of ours are for one destination.
   */
  effective(): Lease[] {
    const all = [...this.#leases.values()];
    return all.filter((lease) => {
      if (!this.isContested(lease)) return true;
      const rivals = subnetsOf(lease).flatMap((
        subnet,
      ) => [...this.#bySubnet.get(subnet) ?? []]);
      return [...rivals].sort((a, b) => b.length - a.length || (a < b ? -1 : 1))
        .at(0) === lease.key;
    });
  }
}

function subnetsOf(lease: Lease): string[] {
  return [lease.subnet, lease.ipv6Subnet].filter((s) => s !== null);
}
