/**
 * This host's own lease in etcd.
 *
 * @module
 */
import { subnetPair } from "../flannel/allocation.ts";
import type { LeaseRecord } from "../flannel/lease.ts";
import type { LeaseValueForm } from "../flannel/lease_value.ts";
import { isOwnLease } from "../flannel/own_lease.ts";
import {
  isLeaseProblem,
  parseLease,
  parseLeases,
} from "../flannel/parse_lease.ts";
import { Backoff, pause } from "../stores/backoff.ts";
import type { Store } from "../stores/store.ts";
import { isSameConfig, NetworkChanged } from "./config_change.ts";
import { type Acquired, acquireOnce, type WatchStart } from "./etcd_acquire.ts";
import { parseConfigText } from "./etcd_config.ts";
import type { FirstLeases } from "./first_reads.ts";
import { Later } from "./later.ts";
import type { Logger } from "./log.ts";
import { Restraint } from "./restraint.ts";
import { Said } from "./said.ts";
import {
  type AcquireRequest,
  type LeaseEvent,
  OutOfSubnets,
  type OwnLease,
} from "./subnet_manager.ts";

/** Options of {@linkcode EtcdOwnLease}. */
export interface EtcdOwnLeaseOptions {
  readonly store: Store;
  readonly log: Logger;
  /** Seconds a lease lasts. */
  readonly ttl: number;
  /** flannel whose rules the config is read by. */
  readonly flannelVersion: string;
  readonly form: LeaseValueForm;
  /** A number from 0 up to, not including, `below`. @default Math.random */
  readonly random?: (below: number) => number;
}

/** What a run works with. */
export interface LeaseSession {
  readonly request: AcquireRequest;
  readonly sink: (event: LeaseEvent) => void;
  readonly signal: AbortSignal;
}

/** What is held of the own lease. */
interface Held {
  readonly own: OwnLease;
  /** Text in the store. */
  readonly value: string;
}

/** Looks at a dual stack network that seems full before it is believed. */
const FULL_TRIES = 30;

/** Milliseconds between looks for a subnet where all are taken. */
const FULL_MS = 60_000;

/** Acquires the own lease, writes it again, and gets it back when it is lost. */
export class EtcdOwnLease {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #options: EtcdOwnLeaseOptions;
  readonly #random: (below: number) => number;
  readonly #restraint = new Restraint({ most: 3, withinMs: 600_000 });
  #held: Held | null = null;
  #start: WatchStart | null = null;
  /** Why the lease is lost, while it is. */
  #lost: string | null = null;
  #wake = Promise.withResolvers<void>();
  /** Has the own key looked at once it may be put right again. */
  readonly #later = new Later();

  constructor(options: EtcdOwnLeaseOptions) {
    this.#store = options.store;
    this.#log = options.log;
    this.#options = options;
    this.#random = options.random ??
      ((below) => Math.floor(Math.random() * below));
  }

  /** The lease as it was acquired or written last; null before. */
  get own(): OwnLease | null {
    return this.#held?.own ?? null;
  }

  /**
   * The leases by which the own one was acquired, once: thousands of records
   * need not be read twice at a start. Null when they have been taken.
   */
  takeStart(): WatchStart | null {
    const start = this.#start;
    this.#start = null;
    return start;
  }

  /** Whether a record is the own lease as it was left. */
  isAsLeft(record: Pick<LeaseRecord, "key" | "value">): boolean {
    return record.key === this.#held?.own.lease.key &&
      record.value === this.#held.value;
  }

  /**
   * Waits until this host has a lease.
   *
   * @param ahead a list of leases that was asked for already. @default none
   * @throws {OutOfSubnets}
   */
  async acquire(
    request: AcquireRequest,
    signal: AbortSignal,
    ahead: FirstLeases | null = null,
  ): Promise<OwnLease> {
    const said = new Said(this.#log);
    const backoff = new Backoff();
    let full = 0;
    for (;;) {
      signal.throwIfAborted();
      try {
        const acquired = await acquireOnce(
          { ...this.#options, random: this.#random },
          request,
          signal,
          await ahead?.take(),
        );
        if (acquired !== null) {
          this.#start = acquired.start;
          return this.#hold(acquired);
        }
        // Another host was faster. All that race now must not race again.
        await pause(5 + this.#random(45), signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof OutOfSubnets) {
          // Of two families, some that look taken are given back at once.
          const { enableIPv4, enableIPv6 } = request.config;
          if (!enableIPv4 || !enableIPv6 || full++ === FULL_TRIES) throw error;
          await pause(50 + this.#random(100), signal);
          continue;
        }
        said.warn(
          `Cannot acquire a lease: ${
            error instanceof Error ? error.message : String(error)
          }`,
        );
        await backoff.wait(signal);
      }
    }
  }

  /** Holds a lease from now on; its time began with the request. */
  #hold(
    { lease, value, started, from }: Omit<Acquired, "start">,
  ): OwnLease {
    const expires = lease.ttl === null ? null : started + lease.ttl * 1000;
    const own = { lease, expires, from };
    this.#held = { own, value };
    return own;
  }

  /** Has the own key looked at: it may not be as it was left. */
  check(): void {
    this.#wake.resolve();
  }

  /**
   * Looks at the own key whenever it may not be as it was left, and does what
   * it takes to hold a lease again. Peers are followed in the meantime.
   *
   * @param trouble is told why the store could not be asked
   */
  async keep(
    session: LeaseSession,
    trouble: (error: unknown) => void,
  ): Promise<void> {
    const { signal } = session;
    const backoff = new Backoff();
    const aborted = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => aborted.resolve(), { once: true });
    for (;;) {
      await Promise.race([this.#wake.promise, aborted.promise]);
      if (signal.aborted) return;
      this.#wake = Promise.withResolvers<void>();
      try {
        await this.#verify(session);
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof NetworkChanged) throw error;
        trouble(error);
        await backoff.wait(signal);
        this.check();
      }
    }
  }

  /** Writes the own lease again; false when it was not as we left it. */
  async renew(session: LeaseSession): Promise<boolean> {
    const { own, value } = this.#held!;
    const started = performance.now();
    const ttl = own.lease.ttl === null ? null : this.#options.ttl;
    if (!await this.#store.put(own.lease.key, value, ttl, value)) {
      this.check();
      return false;
    }
    const lease = { ...own.lease, ttl };
    const next = this.#hold({ lease, value, started, from: own.from });
    session.sink({ type: "own", own: next });
    return true;
  }

  async #verify(session: LeaseSession): Promise<void> {
    const { key } = this.#held!.own.lease;
    const record = await this.#store.readLease(key, session.signal);
    if (record !== null && this.isAsLeft(record)) return this.#found(session);
    if (record === null) {
      return await this.#reacquire(
        session,
        `our lease ${key} was revoked or has expired`,
        false,
      );
    }
    const parsed = parseLease(record);
    const mine = isLeaseProblem(parsed) ||
      isOwnLease(parsed, session.request.identity);
    if (!mine) {
      return await this.#reacquire(
        session,
        `our lease ${key} was taken over by ${parsed.attributes.publicIP}`,
        true,
      );
    }
    await this.#restore(session, record, this.#held!.value);
  }

  /** The own key is as it was left, whoever did that. */
  #found({ sink }: LeaseSession): void {
    if (this.#lost === null) return;
    this.#lost = null;
    sink({ type: "own", own: this.#held!.own });
  }

  /** Puts our value back over one that somebody else wrote for our address. */
  async #restore(
    session: LeaseSession,
    record: LeaseRecord,
    value: string,
  ): Promise<void> {
    const { key } = record;
    const leave = this.#restraint.allow(key);
    if (leave !== "yes") {
      const due = this.#restraint.dueMs(key);
      this.#later.set(due, session.signal, () => this.check());
      this.#lose(session, `our lease ${key} is rewritten by somebody`, true);
    }
    if (leave === "no") return;
    const text =
      `Lease ${key} was rewritten by somebody: ${record.value} in place of ${value}. ` +
      "Does another host, or a second agent, publish the same public IP?";
    this.#log.error(
      leave === "last" ? `${text} It is left so for some minutes.` : text,
    );
    if (leave === "last") return;
    const { own } = this.#held!;
    const started = performance.now();
    const { ttl } = own.lease;
    if (await this.#store.put(key, value, ttl, record.value)) {
      const { lease, from } = own;
      const next = this.#hold({ lease, value, started, from });
      this.#lost = null;
      session.sink({ type: "own", own: next });
    }
  }

  /** Says once that the own lease is not what it should be; whether it did. */
  #lose({ sink }: LeaseSession, reason: string, isTaken: boolean): boolean {
    if (this.#lost === reason) return false;
    this.#lost = reason;
    sink({ type: "lost", reason, isTaken });
    return true;
  }

  async #reacquire(
    session: LeaseSession,
    reason: string,
    isTaken: boolean,
  ): Promise<void> {
    const { request, signal, sink } = session;
    if (this.#lose(session, reason, isTaken)) {
      this.#log.error(`${reason}; asking for a lease again`);
    }
    const text = await this.#store.readConfig(signal);
    const { flannelVersion } = this.#options;
    const config = parseConfigText(text ?? "", flannelVersion);
    if (config !== null && !isSameConfig(config, request.config)) {
      throw new NetworkChanged();
    }
    const { lease } = this.#held!.own;
    const previous = subnetPair(lease.subnet, lease.ipv6Subnet);
    const own = await this.#insist({ ...request, previous }, signal);
    // The watch goes on; what it begins anew from one day must not be this.
    this.#start = null;
    this.#lost = null;
    sink({ type: "own", own });
    if (own.lease.key === lease.key) return;
    // The key that was ours is a peer's now; nobody has told of that peer.
    const list = await this.#store.readLeases(signal, { ttlLimit: 0 });
    const { leases } = parseLeases(list.leases);
    sink({ type: "snapshot", leases, trusted: true });
  }

  /** Acquires however long it takes: a subnet may come free any time. */
  async #insist(
    request: AcquireRequest,
    signal: AbortSignal,
  ): Promise<OwnLease> {
    const said = new Said(this.#log);
    for (;;) {
      try {
        return await this.acquire(request, signal);
      } catch (error) {
        if (!(error instanceof OutOfSubnets)) throw error;
        // The data path stays as it is.
        said.warn(`${error.message}; trying again every minute`);
        await pause(FULL_MS, signal);
      }
    }
  }
}
