/**
 * One try to get a lease in etcd.
 *
 * @module
 */
import { allocate } from "../flannel/allocation.ts";
import type { Lease, LeaseAttributes, LeaseRecord } from "../flannel/lease.ts";
import {
  formatLeaseValue,
  type LeaseValueForm,
} from "../flannel/lease_value.ts";
import {
  type ParsedLeases,
  parseLease,
  parseLeases,
} from "../flannel/parse_lease.ts";
import { formatSubnetKey } from "../flannel/subnet_key.ts";
import type { LeaseList, Store } from "../stores/store.ts";
import type { Logger } from "./log.ts";
import {
  type AcquireRequest,
  OutOfSubnets,
  type OwnLease,
} from "./subnet_manager.ts";

/** What a try works with. */
export interface AcquireContext {
  readonly store: Store;
  readonly log: Logger;
  /** Seconds a lease lasts. */
  readonly ttl: number;
  readonly form: LeaseValueForm;
  /** A number from 0 up to, not including, `below`. */
  readonly random: (below: number) => number;
}

/** A lease that was got. */
export interface Acquired {
  readonly lease: Lease;
  /** Text in the store. */
  readonly value: string;
  /** Before the write that gave it, on the clock of `performance.now`. */
  readonly started: number;
  readonly from: OwnLease["from"];
  readonly start: WatchStart;
}

/** All leases as they were before a write, with what was written in its place. */
export interface WatchStart {
  readonly parsed: ParsedLeases;
  /** The list before the write. */
  readonly list: LeaseList;
}

/**
 * Leases, and nobody's for each subnet key whose value cannot be read: its
 * subnet is not to be had.
 */
function takenLeases({ leases, problems }: ParsedLeases): Lease[] {
  const nobodys = problems.filter(({ part }) => part === "value")
    .map(({ record }) => parseLease({ ...record, value: "{}" }) as Lease);
  return [...leases, ...nobodys];
}

/**
 * Acquires a lease; null when the records changed under it, so that another
 * try may do better.
 *
 * @param ahead the leases where they were read already. @default they are read
 * @throws {OutOfSubnets} when no subnet is free
 * @throws {StoreUnavailable} when no endpoint answers
 */
export async function acquireOnce(
  context: AcquireContext,
  request: AcquireRequest,
  signal: AbortSignal,
  ahead: LeaseList | null = null,
): Promise<Acquired | null> {
  const { store, log, form, random, ttl } = context;
  const { config, identity, previous } = request;
  const list = ahead ?? await store.readLeases(signal, { ttlLimit: 0 });
  const records = new Map(list.leases.map((r) => [r.key, r]));
  const parsed = parseLeases(list.leases);
  const leases = takenLeases(parsed);
  const startWith = (lease: Lease): WatchStart => ({
    parsed: withOwn(parsed, lease),
    list,
  });
  const choice = allocate({ config, leases, identity, previous, random });
  if (choice.kind === "exhausted") {
    throw new OutOfSubnets(
      `out of subnets: no free IPv${choice.family} subnet among ${leases.length} leases`,
    );
  }
  await discard(context, choice.discard, records);
  const started = performance.now();
  if (choice.kind === "reuse") {
    const { lease } = choice;
    const record = records.get(lease.key)!;
    if (record.ttl !== null && comesSecond(lease, list, parsed)) {
      log.warning(
        `Our lease ${lease.key} has a subnet of another host's, which had it first; it is given back`,
      );
      await store.delete(lease.key, record.value);
      return null;
    }
    const attributes = request.attributes(lease);
    const value = valueOf(attributes, form);
    // A reservation stays one.
    const lasts = record.ttl === null ? null : ttl;
    const done = await store.put(lease.key, value, lasts, record.value);
    const written = { ...lease, attributes, ttl: lasts };
    if (!done) return null;
    const start = startWith(written);
    return { lease: written, value, started, from: "reuse", start };
  }
  const { subnet, ipv6Subnet } = choice.subnets;
  const key = formatSubnetKey(subnet, ipv6Subnet);
  const attributes = request.attributes(null);
  const value = valueOf(attributes, form);
  const lease = { key, subnet, ipv6Subnet, attributes, ttl };
  if (await store.create(key, value, ttl) === "exists") return null;
  // When this fails the lease is there, and looked at by the next try.
  const isPair = subnet !== null && ipv6Subnet !== null;
  if (
    isPair &&
    comesSecond(lease, await store.readLeases(signal, { ttlLimit: 0 }))
  ) {
    await store.delete(key, value);
    return null;
  }
  return { lease, value, started, from: choice.from, start: startWith(lease) };
}

/** Leases with the own one among them as it was written. */
function withOwn(
  { leases, problems }: ParsedLeases,
  own: Lease,
): ParsedLeases {
  return {
    leases: [...leases.filter(({ key }) => key !== own.key), own],
    problems: problems.filter(({ record }) => record.key !== own.key),
  };
}

/**
 * Whether an older lease has one of both subnets. A key names the pair, so that
 * two hosts at once can get one IPv4 subnet with different IPv6 subnets. Of two
 * the first keeps it; where the store does not say which that is, neither.
 */
function comesSecond(
  own: Lease,
  { leases, created }: LeaseList,
  parsed?: ParsedLeases,
): boolean {
  if (own.subnet === null || own.ipv6Subnet === null) return false;
  const age = (key: string) => created?.get(key) ?? 0;
  const taken = takenLeases(parsed ?? parseLeases(leases));
  return taken.some(({ key, subnet, ipv6Subnet }) =>
    key !== own.key && age(key) <= age(own.key) &&
    (subnet === own.subnet || ipv6Subnet === own.ipv6Subnet)
  );
}

/** Without IPv6 as old readers have it; flannel from v0.15 on writes both. */
function valueOf(attributes: LeaseAttributes, form: LeaseValueForm): string {
  const hasIPv6 = attributes.publicIPv6 !== null;
  return formatLeaseValue(attributes, hasIPv6 ? "head" : form);
}

/** Deletes own leases that do not fit the config; reservations stay. */
async function discard(
  { store, log }: AcquireContext,
  leases: readonly Lease[],
  records: ReadonlyMap<string, LeaseRecord>,
): Promise<void> {
  for (const { key } of leases) {
    const record = records.get(key)!;
    if (record.ttl === null) {
      log.warning(
        `Reservation ${key} has our address but does not fit the network config; it is left alone`,
      );
    } else if (await store.delete(key, record.value)) {
      log.info(
        `Deleted our former lease ${key}: it does not fit the network config`,
      );
    }
  }
}
