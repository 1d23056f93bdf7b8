/**
 * Leases in etcd, v2 or v3.
 *
 * @module
 */
import type { LeaseRecord } from "../flannel/lease.ts";
import type { LeaseValueForm } from "../flannel/lease_value.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import {
  isLeaseProblem,
  type ParsedLeases,
  parseLease,
  parseLeases,
} from "../flannel/parse_lease.ts";
import { Backoff } from "../stores/backoff.ts";
import type {
  LaterLeases,
  LeaseList,
  Store,
  StoreEvent,
} from "../stores/store.ts";
import { parseConfigText, waitForConfig } from "./etcd_config.ts";
import { EtcdOwnLease, type LeaseSession } from "./etcd_own_lease.ts";
import type { FirstReads } from "./first_reads.ts";
import type { Logger } from "./log.ts";
import { Renewal } from "./renewal.ts";
import type {
  AcquireRequest,
  LeaseEvent,
  OwnLease,
  SubnetManager,
} from "./subnet_manager.ts";

/** Options of {@linkcode EtcdSubnetManager}. */
export interface EtcdSubnetManagerOptions {
  readonly store: Store;
  /** What was read of the store already. @default nothing */
  readonly first?: FirstReads;
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

/** Leases in etcd; see {@linkcode SubnetManager}. */
export class EtcdSubnetManager implements SubnetManager {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #options: EtcdSubnetManagerOptions;
  readonly #lease: EtcdOwnLease;
  readonly #badKeys = new Map<string, string>();
  #storeError: string | null = null;

  constructor(options: EtcdSubnetManagerOptions) {
    this.#store = options.store;
    this.#log = options.log;
    this.#options = options;
    this.#lease = new EtcdOwnLease(options);
  }

  close(): void {
    this.#store.close();
  }

  async config(signal: AbortSignal): Promise<NetworkConfig> {
    const { flannelVersion } = this.#options;
    return await waitForConfig(
      this.#store,
      flannelVersion,
      this.#log,
      signal,
      this.#options.first?.config,
    );
  }

  async currentConfig(signal: AbortSignal): Promise<NetworkConfig | null> {
    const text = await this.#store.readConfig(signal);
    return parseConfigText(text ?? "", this.#options.flannelVersion);
  }

  async acquire(
    request: AcquireRequest,
    signal: AbortSignal,
  ): Promise<OwnLease> {
    const ahead = this.#options.first?.leases ?? null;
    return await this.#lease.acquire(request, signal, ahead);
  }

  async run(
    request: AcquireRequest,
    own: OwnLease,
    sink: (event: LeaseEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#lease.own !== own) {
      throw new TypeError("Cannot keep lease: it was not acquired here");
    }
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const renewal: Renewal = new Renewal({
      log: this.#log,
      marginMs: this.#options.margin * 1000,
      signal: both,
      renew: async () => {
        const renewed = await this.#lease.renew(session);
        if (renewed) this.#say(session, null);
        return renewed;
      },
    });
    let tidying = this.#store.tidy();
    const session: LeaseSession = {
      request,
      signal: both,
      sink: (event) => {
        if (event.type === "own") {
          renewal.set(event.own.expires);
          tidying = tidying.then(() => this.#store.tidy());
        }
        sink(event);
      },
    };
    renewal.set(own.expires);
    const trouble = (error: unknown) => this.#say(session, messageOf(error));
    const parts = [
      renewal.run(),
      this.#watch(session),
      this.#lease.keep(session, trouble),
    ];
    try {
      await Promise.all(parts);
    } finally {
      stop.abort();
      await Promise.allSettled([...parts, tidying]);
    }
  }

  #say(session: LeaseSession, error: string | null): void {
    if (error === this.#storeError) return;
    this.#storeError = error;
    if (error === null) this.#log.info("etcd answers again");
    else this.#log.warning(`etcd does not answer: ${error}`);
    session.sink({ type: "store", error });
  }

  async #watch(session: LeaseSession): Promise<void> {
    const { signal } = session;
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        const cursor = await this.#begin(session);
        backoff.reset();
        const events = this.#store.watch(cursor, signal, {
          onRetry: (error) => this.#say(session, error.message),
          // Without an event it may be hours to the next word of the store.
          onOpen: () => this.#say(session, null),
        });
        for await (const event of events) {
          this.#say(session, null);
          this.#take(event, session);
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#say(session, messageOf(error));
        await backoff.wait(signal);
      }
    }
  }

  /** Tells of all leases; where the watch begins. */
  async #begin(session: LeaseSession): Promise<string> {
    const { signal } = session;
    const start = this.#lease.takeStart();
    const later = start && await this.#later(start.list, signal);
    if (start !== null && later !== null) {
      this.#startWith(start.parsed, later, session);
      return later.cursor;
    }
    const list = await this.#store.readLeases(signal, { ttlLimit: 0 });
    this.#say(session, null);
    this.#snapshot(list, session);
    return list.cursor;
  }

  /** When etcd goes away now, the watch waits for it and misses nothing. */
  async #later(
    list: LeaseList,
    signal: AbortSignal,
  ): Promise<LaterLeases | null> {
    return await this.#store.readLater(list, signal)
      .catch(() => ({ leases: [], cursor: list.cursor }));
  }

  /**
   * Tells of the leases before the own one was written, with what was written
   * since: hosts that start at once know of each other when they are ready.
   */
  #startWith(
    before: ParsedLeases,
    later: LaterLeases,
    session: LeaseSession,
  ): void {
    const { leases, problems } = parseLeases(later.leases);
    const isLater = new Set(later.leases.map(({ key }) => key));
    const all = {
      leases: [...before.leases.filter((l) => !isLater.has(l.key)), ...leases],
      problems: [
        ...before.problems.filter(({ record }) => !isLater.has(record.key)),
        ...problems,
      ],
    };
    this.#warn(all);
    session.sink({ type: "snapshot", leases: all.leases, trusted: true });
    const own = later.leases.find((r) => r.key === this.#lease.own!.lease.key);
    if (own !== undefined && !this.#lease.isAsLeft(own)) this.#lease.check();
  }

  #snapshot(list: LeaseList, session: LeaseSession): void {
    const { leases } = this.#parse(list.leases);
    const { key } = this.#lease.own!.lease;
    const record = list.leases.find((r) => r.key === key);
    const trusted = record !== undefined;
    session.sink({ type: "snapshot", leases, trusted });
    if (!trusted || !this.#lease.isAsLeft(record)) this.#lease.check();
  }

  #take(event: StoreEvent, session: LeaseSession): void {
    if (event.type === "reset") return this.#snapshot(event.list, session);
    const key = event.type === "put" ? event.record.key : event.key;
    if (key === this.#lease.own!.lease.key) {
      const same = event.type === "put" && this.#lease.isAsLeft(event.record);
      if (!same) this.#lease.check();
      return;
    }
    if (event.type === "delete") {
      this.#badKeys.delete(key);
      return session.sink({ type: "remove", key });
    }
    const parsed = parseLease(event.record);
    // A peer's last good lease holds until its key goes.
    if (isLeaseProblem(parsed)) this.#parse([event.record]);
    else session.sink({ type: "put", lease: parsed });
  }

  /** Parses records; what is no lease is named once for each text. */
  #parse(records: readonly LeaseRecord[]): ParsedLeases {
    const parsed = parseLeases(records);
    this.#warn(parsed);
    return parsed;
  }

  #warn({ problems }: ParsedLeases): void {
    for (const { record, message } of problems) {
      if (this.#badKeys.get(record.key) === record.value) continue;
      this.#badKeys.set(record.key, record.value);
      this.#log.warning(`Ignoring key ${record.key}: ${message}`);
    }
  }
}
