/**
 * The network's leases as known now.
 *
 * @module
 */
import type { Lease } from "../flannel/lease.ts";

/** Options of {@linkcode LeaseTable}. */
export interface LeaseTableOptions {
  /**
   * How long, milliseconds, peers are kept that a list lacks which is not to be
   * believed at once.
   */
  readonly holdMs: number;
  /** @default performance.now */
  readonly now?: () => number;
}

/**
 * So many leases, and more than half of all, do not go at one moment unless
 * the records were lost, or an old copy of them was put back.
 */
const MANY = 8;

/** Whether so many of all leases are more than go at one moment. */
export function isMost(gone: number, all: number): boolean {
  return gone >= MANY && gone * 2 > all;
}

/** Leases by key. Of two that name one subnet only one counts. */
export class LeaseTable {
  readonly #leases = new Map<string, Lease>();
  /** When held leases go, by key. */
  readonly #held = new Map<string, number>();
  /** Keys by the subnets they name: nearly always one. */
  readonly #bySubnet = new Map<string, string | readonly string[]>();
  readonly #options: LeaseTableOptions;
  readonly #now: () => number;

  constructor(options: LeaseTableOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  get size(): number {
    return this.#leases.size;
  }

  /** The lease of a key, or null. */
  get(key: string): Lease | null {
    return this.#leases.get(key) ?? null;
  }

  /** Takes a lease in; false when it is as it was. */
  put(lease: Lease): boolean {
    this.#held.delete(lease.key);
    const before = this.#leases.get(lease.key);
    const isRenewed = before !== undefined && isSame(before, lease);
    // The one that is held already is not kept twice.
    if (isRenewed && isReserved(before) === isReserved(lease)) return false;
    this.#leases.set(lease.key, lease);
    if (before !== undefined) return !isRenewed;
    for (const subnet of subnetsOf(lease)) {
      const others = this.#bySubnet.get(subnet);
      this.#bySubnet.set(
        subnet,
        others === undefined ? lease.key : [...[others].flat(), lease.key],
      );
    }
    return true;
  }

  /** Takes a lease out; the lease that was there, or null. */
  remove(key: string): Lease | null {
    this.#held.delete(key);
    const lease = this.#leases.get(key);
    if (lease === undefined) return null;
    this.#leases.delete(key);
    for (const subnet of subnetsOf(lease)) {
      const left = this.#keysOf(subnet).filter((other) => other !== key);
      if (left.length === 0) this.#bySubnet.delete(subnet);
      else this.#bySubnet.set(subnet, left.length === 1 ? left[0]! : left);
    }
    return lease;
  }

  #keysOf(subnet: string): readonly string[] {
    return [this.#bySubnet.get(subnet) ?? []].flat();
  }

  /**
   * Replaces everything. When a list is not trusted, or lacks most of what
   * there was, what it lacks stays a while: the hosts may be writing their
   * leases again at this moment.
   *
   * @returns how many leases stay for now that the list lacks
   */
  replace(leases: readonly Lease[], trusted: boolean): number {
    const keys = new Set(leases.map((lease) => lease.key));
    const until = this.#now() + this.#options.holdMs;
    const missing = [...this.#leases.keys()].filter((key) => !keys.has(key));
    const isHeld = !trusted || isMost(missing.length, this.#leases.size);
    for (const key of missing) {
      if (!isHeld) this.remove(key);
      else if (!this.#held.has(key)) this.#held.set(key, until);
    }
    for (const lease of leases) this.put(lease);
    return isHeld ? missing.length : 0;
  }

  /** Keeps a lease for a while, though the records have it no longer. */
  hold(lease: Lease): void {
    this.put(lease);
    this.#held.set(lease.key, this.#now() + this.#options.holdMs);
  }

  /**
   * Held leases of the host that a lease is of: it has written another one,
   * and does not come back to them.
   */
  overtaken({ key, attributes }: Lease): Lease[] {
    const { publicIP, publicIPv6 } = attributes;
    return [...this.#held.keys()].map((held) => this.#leases.get(held)!)
      .filter((lease) =>
        lease.key !== key && lease.attributes.publicIP === publicIP &&
        lease.attributes.publicIPv6 === publicIPv6
      );
  }

  /** Lets held leases go whose time is over; whether there were any. */
  expire(): boolean {
    const now = this.#now();
    const over = [...this.#held].filter(([, until]) => until <= now);
    for (const [key] of over) this.remove(key);
    return over.length > 0;
  }

  /** How many leases the records have: without those that are held. */
  get stored(): number {
    return this.#leases.size - this.#held.size;
  }

  /** Whether a lease stays that the records have no longer. */
  isHeld(key: string): boolean {
    return this.#held.has(key);
  }

  /** Whether leases are held. */
  get holding(): boolean {
    return this.#held.size > 0;
  }

  /** Whether another lease names a subnet of this one. */
  isContested({ key, subnet, ipv6Subnet }: Lease): boolean {
    return this.#isTaken(subnet, key) || this.#isTaken(ipv6Subnet, key);
  }

  /** Whether a lease of another key names a subnet. */
  #isTaken(subnet: string | null, key: string): boolean {
    if (subnet === null) return false;
    const keys = this.#bySubnet.get(subnet) ?? key;
    return keys !== key;
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
      const rivals = subnetsOf(lease).flatMap((subnet) => this.#keysOf(subnet));
      return rivals.sort((a, b) => b.length - a.length || (a < b ? -1 : 1))
        .at(0) === lease.key;
    });
  }
}

/** Whether nothing but the time that is left differs. */
function isSame({ attributes: a }: Lease, { attributes: b }: Lease): boolean {
  return a.publicIP === b.publicIP && a.publicIPv6 === b.publicIPv6 &&
    a.backendType === b.backendType &&
    JSON.stringify([a.backendData, a.backendV6Data]) ===
      JSON.stringify([b.backendData, b.backendV6Data]);
}

function isReserved({ ttl }: Lease): boolean {
  return ttl === null;
}

function subnetsOf(lease: Lease): string[] {
  return [lease.subnet, lease.ipv6Subnet].filter((s) => s !== null);
}
