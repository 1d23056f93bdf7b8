/**
 * Choosing a subnet for this host.
 *
 * @module
 */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "./address.ts";
import {
  type Cidr,
  contains,
  formatCidr,
  parseCidr,
  tryParseCidr,
} from "./cidr.ts";
import type { Lease } from "./lease.ts";
import type { NetworkConfig, SubnetRange } from "./network_config_types.ts";
import { type Identity, leasesOf } from "./own_lease.ts";

/** flannel looks at no more free subnets than this, then picks one of them. */
export const CANDIDATE_LIMIT = 100;

/** Half-open integer interval. */
type Interval = readonly [bigint, bigint];

/** A range as integers: `count` slots of `size` addresses from `first`. */
interface Slots {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly size: bigint;
  /** 0 when SubnetMin lies above SubnetMax. */
  readonly count: bigint;
}

function slotsOf(family: 4 | 6, range: SubnetRange): Slots {
  const parse = (text: string) =>
    BigInt((family === 4 ? parseIpv4(text) : parseIpv6(text)) ?? 0);
  const size = 1n << BigInt((family === 4 ? 32 : 128) - range.subnetLen);
  const first = parse(range.subnetMin);
  const last = parse(range.subnetMax);
  const count = last < first ? 0n : (last - first) / size + 1n;
  return { family, first, size, count };
}

/** Slots that leases hold, as merged intervals of slot numbers, in order. */
function takenSlots(slots: Slots, leases: readonly Lease[]): Interval[] {
  const { family, first, size, count } = slots;
  const intervals: Interval[] = [];
  for (const lease of leases) {
    const text = family === 4 ? lease.subnet : lease.ipv6Subnet;
    const cidr = text === null ? null : tryParseCidr(text);
    if (cidr === null || cidr.family !== family) continue;
    const start = BigInt(cidr.start);
    const end = BigInt(cidr.end);
    if (end < first) continue;
    const from = start <= first ? 0n : (start - first) / size;
    const to = (end - first) / size + 1n;
    if (from < count) intervals.push([from, to < count ? to : count]);
  }
  intervals.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  const merged: Interval[] = [];
  for (const [from, to] of intervals) {
    const last = merged.at(-1);
    if (last === undefined || from > last[1]) merged.push([from, to]);
    else if (to > last[1]) merged[merged.length - 1] = [last[0], to];
  }
  return merged;
}

/** How much of a range is in use; numbers of subnets. */
export interface SubnetUsage {
  readonly capacity: number;
  /** Subnets that some lease, of whatever length, lies in or covers. */
  readonly taken: number;
  readonly free: number;
}

/** Counts the subnets of a range that leases leave free. */
export function subnetUsage(
  family: 4 | 6,
  range: SubnetRange,
  leases: readonly Lease[],
): SubnetUsage {
  const slots = slotsOf(family, range);
  let taken = 0n;
  for (const [from, to] of takenSlots(slots, leases)) taken += to - from;
  return {
    capacity: Number(slots.count),
    taken: Number(taken),
    free: Number(slots.count - taken),
  };
}

/**
 * The first free subnets of a range, from SubnetMin upward, as CIDR text.
 * One pass over the sorted leases, where flannel compares each candidate
 * with each lease.
 */
export function freeSubnets(
  family: 4 | 6,
  range: SubnetRange,
  leases: readonly Lease[],
  limit: number = CANDIDATE_LIMIT,
): string[] {
  const slots = slotsOf(family, range);
  const free: string[] = [];
  const add = (from: bigint, to: bigint) => {
    for (let n = from; n < to && free.length < limit; n++) {
      const address = slots.first + n * slots.size;
      free.push(
        family === 4
          ? `${formatIpv4(Number(address))}/${range.subnetLen}`
          : `${formatIpv6(address)}/${range.subnetLen}`,
      );
    }
  };
  let next = 0n;
  for (const [from, to] of takenSlots(slots, leases)) {
    add(next, from);
    next = to;
  }
  add(next, slots.count);
  return free;
}

/** Whether a subnet fits a range: its length, and within SubnetMin and Max. */
export function fitsRange(
  family: 4 | 6,
  range: SubnetRange,
  subnet: string,
): boolean {
  const cidr = tryParseCidr(subnet);
  if (cidr?.family !== family || cidr.prefixLength !== range.subnetLen) {
    return false;
  }
  const slots = slotsOf(family, range);
  const start = BigInt(cidr.start);
  return start >= slots.first && start < slots.first + slots.count * slots.size;
}

/** A pair of subnets, one for each family the network has. */
export interface SubnetPair {
  readonly subnet: string | null;
  readonly ipv6Subnet: string | null;
}

/**
 * Whether subnets fit the config: in range and of the right length for each
 * family that is on, and absent for IPv6 when that is off.
 *
 * Source: flannel v0.28.9 pkg/subnet/etcd/local_manager.go.
 */
export function isCompatible(pair: SubnetPair, config: NetworkConfig): boolean {
  if (config.ipv4 !== null) {
    if (pair.subnet === null || !fitsRange(4, config.ipv4, pair.subnet)) {
      return false;
    }
  }
  if (config.ipv6 === null) return pair.ipv6Subnet === null;
  return pair.ipv6Subnet !== null &&
    fitsRange(6, config.ipv6, pair.ipv6Subnet);
}

/** What a host that wants a lease knows. */
export interface AllocationInput {
  readonly config: NetworkConfig;
  readonly leases: readonly Lease[];
  readonly identity: Identity;
  /** From subnet.env or memory, or null. */
  readonly previous: SubnetPair | null;
  /** A number from 0 up to, not including, `below`. */
  readonly random: (below: number) => number;
}

/** What to do to get a lease. */
export type Allocation =
  | {
    /** Write own attributes over this lease; a reservation stays one. */
    readonly kind: "reuse";
    readonly lease: Lease;
    /** Other leases with own address, which do not fit the config. */
    readonly discard: readonly Lease[];
  }
  | {
    /** Create this key if it is absent still. */
    readonly kind: "create";
    readonly subnets: SubnetPair;
    readonly from: "previous" | "free";
    /** Own leases that do not fit the config: delete them if unchanged. */
    readonly discard: readonly Lease[];
  }
  | { readonly kind: "exhausted"; readonly family: 4 | 6 };

/** Whether no lease shares an address with the subnet. */
function isFree(subnet: string, leases: readonly Lease[]): boolean {
  const cidr: Cidr = parseCidr(subnet);
  return leases.every((lease) => {
    const text = cidr.family === 4 ? lease.subnet : lease.ipv6Subnet;
    const other = text === null ? null : tryParseCidr(text);
    return other === null ||
      (!contains(cidr, other) && !contains(other, cidr));
  });
}

function pick(
  family: 4 | 6,
  range: SubnetRange | null,
  leases: readonly Lease[],
  random: (below: number) => number,
): string | null | "exhausted" {
  if (range === null) return null;
  const free = freeSubnets(family, range, leases);
  return free.length === 0 ? "exhausted" : free[random(free.length)]!;
}

/**
 * Chooses this host's subnet: the lease that carries its address, else its
 * previous subnet if no lease overlaps it, else one at random of the first
 * hundred free ones.
 *
 * As flannel v0.28.9 pkg/subnet/etcd/local_manager.go, save that an own lease
 * that does not fit does not block its range in the same round, that a later
 * lease with the own address is looked at too, and that leases without IPv6
 * do not crash the choice of an IPv6 subnet.
 */
export function allocate(input: AllocationInput): Allocation {
  const { config, previous, random } = input;
  const own = leasesOf(input.leases, input.identity);
  const fitting = own.filter((lease) => isCompatible(lease, config));
  const named = fitting.find((lease) =>
    previous !== null && lease.subnet === previous.subnet &&
    lease.ipv6Subnet === previous.ipv6Subnet
  );
  const reuse = named ?? fitting[0];
  const discard = own.filter((lease) => !fitting.includes(lease));
  if (reuse !== undefined) return { kind: "reuse", lease: reuse, discard };
  const others = input.leases.filter((lease) => !own.includes(lease));
  if (
    previous !== null && isCompatible(previous, config) &&
    [previous.subnet, previous.ipv6Subnet].every((s) =>
      s === null || isFree(s, others)
    )
  ) {
    const subnets = {
      subnet: config.ipv4 === null ? null : previous.subnet,
      ipv6Subnet: previous.ipv6Subnet,
    };
    return { kind: "create", subnets, from: "previous", discard };
  }
  const subnet = pick(4, config.ipv4, others, random);
  if (subnet === "exhausted") return { kind: "exhausted", family: 4 };
  const ipv6Subnet = pick(6, config.ipv6, others, random);
  if (ipv6Subnet === "exhausted") return { kind: "exhausted", family: 6 };
  const subnets = { subnet, ipv6Subnet };
  return { kind: "create", subnets, from: "free", discard };
}

/** The subnets a lease or subnet.env names, canonical, as a pair. */
export function subnetPair(
  subnet: string | null,
  ipv6Subnet: string | null,
): SubnetPair {
  const canonical = (text: string | null) => {
    const cidr = text === null ? null : tryParseCidr(text);
    return cidr === null ? null : formatCidr(cidr);
  };
  return { subnet: canonical(subnet), ipv6Subnet: canonical(ipv6Subnet) };
}
