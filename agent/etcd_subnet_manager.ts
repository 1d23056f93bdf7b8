/**
 * Leases in etcd, v2 or v3.
 *
 * @module
 */
import { allocate, subnetPair } from "../flannel/allocation.ts";
import type { Lease, LeaseRecord } from "../flannel/lease.ts";
import {
  formatLeaseValue,
  type LeaseValueForm,
} from "../flannel/lease_value.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { isOwnLease } from "../flannel/own_lease.ts";
import {
  isLeaseProblem,
  type ParsedLeases,
  parseLease,
  parseLeases,
} from "../flannel/parse_lease.ts";
import { formatSubnetKey } from "../flannel/subnet_key.ts";
import { Backoff, pause } from "../stores/backoff.ts";
import type { LeaseList, Store, StoreEvent } from "../stores/store.ts";
import { isSameConfig, NetworkChanged } from "./config_change.ts";
import type { Logger } from "./log.ts";
import { Renewal } from "./renewal.ts";
import type {
  AcquireRequest,
  LeaseEvent,
  OwnLease,
  SubnetManager,
} from "./subnet_manager.ts";
import { OutOfSubnets } from "./subnet_manager.ts";
import { Restraint } from "./restraint.ts";
import { Said } from "./said.ts";

/** Options of {@linkcode EtcdSubnetManager}. */
export interface EtcdSubnetManagerOptions {
  readonly store: Store;
  readonly log: Logger;
  /** Seconds a lease lasts. */
  readonly ttl: number;
  /** Seconds before its end at which it is renewed. */
  readonly margin: number;
  /** flannel whose rules the config is read by. */
  readonly flannelVersion: string;
  readonly form: LeaseValueForm;
  /** A number from 0 up to, not including, `below`. @default Math.random */
  readonly random?: (below: number) => number;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the manager holds of the own lease. */
interface Held {
  readonly own: OwnLease;
  /** Text in the store. */
  readonly value: string;
}

/** Leases in etcd; see {@linkcode SubnetManager}. */
export class EtcdSubnetManager implements SubnetManager {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #options: EtcdSubnetManagerOptions;
  readonly #random: (below: number) => number;
  readonly #restraint = new Restraint({ most: 3, withinMs: 600_000 });
  readonly #badKeys = new Map<string, string>();
  #held: Held | null = null;
  #storeError: string | null = null;
  /** Serialises looks at the own lease. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: EtcdSubnetManagerOptions) {
    this.#store = options.store;
    this.#log = options.log;
    this.#options = options;
    this.#random = options.random ??
      ((below) => Math.floor(Math.random() * below));
  }

  close(): void {
    this.#store.close();
  }

  async config(signal: AbortSignal): Promise<NetworkConfig> {
    const said = new Said(this.#log);
    const backoff = new Backoff(1_000, 5_000);
    for (;;) {
      signal.throwIfAborted();
      try {
        const config = await this.#readConfig(signal, said);
        if (config !== null) return config;
      } catch (error) {
        signal.throwIfAborted();
        said.warn(`Cannot read network config: ${messageOf(error)}`);
      }
      await backoff.wait(signal);
    }
  }

  async #readConfig(
    signal: AbortSignal,
    said: Said,
  ): Promise<NetworkConfig | null> {
    const text = await this.#store.readConfig(signal);
    if (text === null) {
      said.warn("There is no network config in etcd yet");
      return null;
    }
    const { config, problems, unknownOptions, notCanonical } =
      parseNetworkConfig(text, {
        flannelVersion: this.#options.flannelVersion,
      });
    for (const { message } of problems) {
      said.warn(`The network config cannot be used: ${message}`);
    }
    if (config === null) return null;
    for (const { option } of unknownOptions) {
      this.#log.warning(`The network config has an unknown option: ${option}`);
    }
    for (const { option, written, canonical } of notCanonical) {
      this.#log.warning(`${option} ${written} is taken as ${canonical}`);
    }
    return config;
  }

  async acquire(
    request: AcquireRequest,
    signal: AbortSignal,
  ): Promise<OwnLease> {
    const said = new Said(this.#log);
    const backoff = new Backoff();
    for (;;) {
      signal.throwIfAborted();
      try {
        const own = await this.#acquireOnce(request, signal);
        if (own !== null) return own;
        // Another host was faster. All that race now must not race again.
        await pause(5 + this.#random(45), signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof OutOfSubnets) throw error;
        said.warn(`Cannot acquire a lease: ${messageOf(error)}`);
        await backoff.wait(signal);
      }
    }
  }

  /** One try; null when the records changed under it. */
  async #acquireOnce(
    request: AcquireRequest,
    signal: AbortSignal,
  ): Promise<OwnLease | null> {
    const { config, identity, previous } = request;
    const list = await this.#store.readLeases(signal, { ttlLimit: 0 });
    const records = new Map(list.leases.map((r) => [r.key, r]));
    const { leases } = this.#parse(list.leases);
    const choice = allocate({
      config,
      leases,
      identity,
      previous,
      random: this.#random,
    });
    if (choice.kind === "exhausted") {
      throw new OutOfSubnets(
        `out of subnets: no free IPv${choice.family} subnet among ${leases.length} leases`,
      );
    }
    await this.#discard(choice.discard, records);
    const started = performance.now();
    if (choice.kind === "reuse") {
      const { lease } = choice;
      const record = records.get(lease.key)!;
      const attributes = request.attributes(lease);
      const value = formatLeaseValue(attributes, this.#options.form);
      const ttl = record.ttl === null ? null : this.#options.ttl;
      const done = await this.#store.put(lease.key, value, ttl, record.value);
      if (!done) return null;
      return this.#hold({ ...lease, attributes, ttl }, value, started, "reuse");
    }
    const { subnet, ipv6Subnet } = choice.subnets;
    const key = formatSubnetKey(subnet, ipv6Subnet);
    const attributes = request.attributes(null);
    const value = formatLeaseValue(attributes, this.#options.form);
    const { ttl } = this.#options;
    if (await this.#store.create(key, value, ttl) === "exists") return null;
    return this.#hold(
      { key, subnet, ipv6Subnet, attributes, ttl },
      value,
      started,
      choice.from,
    );
  }

  /** Deletes own leases that do not fit the config; reservations stay. */
  async #discard(
    leases: readonly Lease[],
    records: ReadonlyMap<string, LeaseRecord>,
  ): Promise<void> {
    for (const { key } of leases) {
      const record = records.get(key)!;
      if (record.ttl === null) {
        this.#log.warning(
          `Reservation ${key} has our address but does not fit the network config; it is left alone`,
        );
      } else if (await this.#store.delete(key, record.value)) {
        this.#log.info(
          `Deleted our former lease ${key}: it does not fit the network config`,
        );
      }
    }
  }

  #hold(
    lease: Lease,
    value: string,
    started: number,
    from: OwnLease["from"],
  ): OwnLease {
    const expires = lease.ttl === null ? null : started + lease.ttl * 1000;
    const own = { lease, expires, from };
    this.#held = { own, value };
    return own;
  }

  /** Parses records; what is no lease is named once for each text. */
  #parse(records: readonly LeaseRecord[]): ParsedLeases {
    const parsed = parseLeases(records);
    for (const { record, message } of parsed.problems) {
      if (this.#badKeys.get(record.key) === record.value) continue;
      this.#badKeys.set(record.key, record.value);
      this.#log.warning(`Ignoring key ${record.key}: ${message}`);
    }
    return parsed;
  }

  async run(
    request: AcquireRequest,
    own: OwnLease,
    sink: (event: LeaseEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#held?.own !== own) {
      throw new TypeError("Cannot keep lease: it was not acquired here");
    }
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const session = { request, sink, signal: both };
    const renewal = new Renewal({
      log: this.#log,
      marginMs: this.#options.margin * 1000,
      signal: both,
      renew: () => this.#renew(session),
    });
    renewal.set(own.expires);
    const renewed = (event: LeaseEvent) => {
      if (event.type === "own") renewal.set(event.own.expires);
      sink(event);
    };
    session.sink = renewed;
    try {
      await Promise.all([
        renewal.run(),
        this.#watch(session),
      ].map((part) =>
        part.catch((error) => {
          stop.abort();
          throw error;
        })
      ));
    } finally {
      stop.abort();
    }
  }

  #say(session: Session, error: string | null): void {
    if (error === this.#storeError) return;
    this.#storeError = error;
    if (error === null) this.#log.info("etcd answers again");
    else this.#log.warning(`etcd does not answer: ${error}`);
    session.sink({ type: "store", error });
  }

  /** Writes the own lease again; false when it was not as we left it. */
  async #renew(session: Session): Promise<boolean> {
    const { own, value } = this.#held!;
    const started = performance.now();
    const ttl = own.lease.ttl === null ? null : this.#options.ttl;
    if (!await this.#store.put(own.lease.key, value, ttl, value)) {
      await this.#verify(session);
      return false;
    }
    this.#say(session, null);
    const next = this.#hold({ ...own.lease, ttl }, value, started, own.from);
    session.sink({ type: "own", own: next });
    return true;
  }

  async #watch(session: Session): Promise<void> {
    const { signal } = session;
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        const list = await this.#store.readLeases(signal, { ttlLimit: 0 });
        this.#say(session, null);
        await this.#snapshot(list, session);
        backoff.reset();
        const events = this.#store.watch(list.cursor, signal, {
          onRetry: (error) => this.#say(session, error.message),
        });
        for await (const event of events) {
          this.#say(session, null);
          await this.#take(event, session);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof NetworkChanged) throw error;
        this.#say(session, messageOf(error));
        await backoff.wait(signal);
      }
    }
  }

  async #snapshot(list: LeaseList, session: Session): Promise<void> {
    const { leases } = this.#parse(list.leases);
    const { own, value } = this.#held!;
    const record = list.leases.find((r) => r.key === own.lease.key);
    const trusted = record !== undefined;
    session.sink({ type: "snapshot", leases, trusted });
    if (record?.value !== value) await this.#verify(session);
  }

  async #take(event: StoreEvent, session: Session): Promise<void> {
    const held = this.#held!;
    if (event.type === "reset") {
      return await this.#snapshot(event.list, session);
    }
    const key = event.type === "put" ? event.record.key : event.key;
    if (key === held.own.lease.key) {
      const same = event.type === "put" && event.record.value === held.value;
      if (!same) await this.#verify(session);
      return;
    }
    if (event.type === "delete") {
      this.#badKeys.delete(key);
      session.sink({ type: "remove", key });
      return;
    }
    const parsed = parseLease(event.record);
    if (isLeaseProblem(parsed)) {
      // A peer's last good lease holds until its key goes.
      this.#parse([event.record]);
    } else session.sink({ type: "put", lease: parsed });
  }

  /** Looks at the own key and does what it takes to hold a lease again. */
  #verify(session: Session): Promise<void> {
    const next = this.#turn.then(() => this.#verifyNow(session));
    this.#turn = next.catch(() => {});
    return next;
  }

  async #verifyNow(session: Session): Promise<void> {
    const { own, value } = this.#held!;
    const { key } = own.lease;
    const record = await this.#store.readLease(key, session.signal);
    if (record?.value === value) return;
    if (record === null) {
      return await this.#reacquire(
        session,
        `our lease ${key} was revoked or has expired`,
      );
    }
    const parsed = parseLease(record);
    const mine = isLeaseProblem(parsed) ||
      isOwnLease(parsed, session.request.identity);
    if (!mine) {
      return await this.#reacquire(
        session,
        `our lease ${key} was taken over by ${parsed.attributes.publicIP}`,
      );
    }
    await this.#restore(session, record, value);
  }

  /** Puts our value back over one that somebody else wrote for our address. */
  async #restore(
    session: Session,
    record: LeaseRecord,
    value: string,
  ): Promise<void> {
    const { key } = record;
    const leave = this.#restraint.allow(key);
    if (leave === "no") return;
    const text =
      `Lease ${key} was rewritten by somebody: ${record.value} in place of ${value}. ` +
      "Does another host, or a second agent, publish the same public IP?";
    this.#log.error(
      leave === "last" ? `${text} It is left so for ten minutes.` : text,
    );
    if (leave === "last") return;
    const { own } = this.#held!;
    const started = performance.now();
    const { ttl } = own.lease;
    if (await this.#store.put(key, value, ttl, record.value)) {
      const next = this.#hold(own.lease, value, started, own.from);
      session.sink({ type: "own", own: next });
    }
  }

  async #reacquire(session: Session, reason: string): Promise<void> {
    this.#log.error(`${reason}; asking for a lease again`);
    session.sink({ type: "lost", reason });
    const { request, signal } = session;
    const text = await this.#store.readConfig(signal);
    const { config } = parseNetworkConfig(text ?? "", {
      flannelVersion: this.#options.flannelVersion,
    });
    if (config !== null && !isSameConfig(config, request.config)) {
      throw new NetworkChanged();
    }
    const { lease } = this.#held!.own;
    const previous = subnetPair(lease.subnet, lease.ipv6Subnet);
    for (;;) {
      try {
        const own = await this.acquire({ ...request, previous }, signal);
        session.sink({ type: "own", own });
        return;
      } catch (error) {
        if (!(error instanceof OutOfSubnets)) throw error;
        // The data path stays; a subnet may come free any time.
        this.#log.error(`${error.message}; trying again in a minute`);
        await pause(60_000, signal);
      }
    }
  }
}

/** What a run works with. */
interface Session {
  readonly request: AcquireRequest;
  sink: (event: LeaseEvent) => void;
  readonly signal: AbortSignal;
}
