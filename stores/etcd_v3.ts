import { readEtcdHealth } from "./etcd_health.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import type { Endpoint } from "./endpoint.ts";
import { EndpointError } from "./endpoint_error.ts";
import {
  V3Client,
  type V3Header,
  type V3KeyValue,
  type V3Range,
} from "./etcd_v3_client.ts";
import { readTtls } from "./etcd_v3_ttl.ts";
import { watchEtcdV3 } from "./etcd_v3_watch.ts";
import { childName, keyPath } from "./key_path.ts";
import {
  type CreateResult,
  type EndpointHealth,
  type EtcdOptions,
  type LaterLeases,
  type LeaseList,
  type ReadLeasesOptions,
  type Store,
  type StoreEvent,
  StoreUnavailable,
  TTL_NOT_ASKED,
  type WatchOptions,
} from "./store.ts";
import { Transport } from "./transport.ts";
import type { LeaseRecord } from "../flannel/lease.ts";

/** Keys of one page of a list: about 1 MB of flannel's leases. */
const PAGE = 4_096;

interface GrantAnswer {
  readonly header?: V3Header;
  readonly ID?: string;
}

interface TxnAnswer {
  readonly header?: V3Header;
  readonly succeeded?: boolean;
}

/**
 * flannel's records in etcd v3, as flanneld v0.18 and later keep them (flannel
 * v0.28.9 pkg/subnet/etcd/registry.go), over etcd's JSON gateway.
 */
export class EtcdV3Store implements Store {
  readonly kind = "etcd-v3";
  readonly #transport: Transport;
  readonly #client: V3Client;
  readonly #config: string;
  readonly #subnets: string;
  readonly #pingMs: number;
  /** Leases that keys of ours hung on before they were written again. */
  readonly #former = new Set<string>();

  constructor(options: EtcdOptions) {
    this.#transport = new Transport(options);
    this.#client = new V3Client(this.#transport, options);
    this.#config = keyPath(options.prefix, "config");
    this.#subnets = keyPath(options.prefix, "subnets");
    this.#pingMs = options.pingMs ?? 5_000;
  }

  async readConfig(signal?: AbortSignal): Promise<string | null> {
    const found = await this.#read("read network config", this.#config, signal);
    return found ? fromBase64(found.value) : null;
  }

  async readLeases(
    signal?: AbortSignal,
    options: ReadLeasesOptions = {},
  ): Promise<LeaseList> {
    return await this.#transport.failover(
      "read leases",
      (endpoint) => this.#list(endpoint, options.ttlLimit ?? Infinity, signal),
      { ...(signal ? { signal } : {}) },
    );
  }

  async readLater(
    list: LeaseList,
    signal?: AbortSignal,
  ): Promise<LaterLeases | null> {
    if (list.count === undefined) return null;
    const { header, kvs = [], count } = await this.#transport.failover(
      "read leases",
      (endpoint) =>
        this.#client.call<V3Range>(endpoint, "kv/range", {
          ...this.#directory,
          min_mod_revision: String(Number(list.cursor) + 1),
        }, { signal }),
      { ...(signal ? { signal } : {}) },
    );
    // etcd counts before it filters. What is there now without having been
    // made since was there then: fewer than then, and something is gone.
    const made = kvs.filter((kv) =>
      Number(kv.create_revision) > Number(list.cursor)
    );
    if (Number(count ?? 0) - made.length !== list.count) return null;
    const leases = kvs.flatMap((kv) => {
      const key = childName(this.#subnets, fromBase64(kv.key));
      const ttl = hasLease(kv) ? TTL_NOT_ASKED : null;
      return key === null ? [] : [{ key, value: fromBase64(kv.value), ttl }];
    });
    return { leases, cursor: header?.revision ?? list.cursor };
  }

  async readLease(
    key: string,
    signal?: AbortSignal,
  ): Promise<LeaseRecord | null> {
    const path = this.#path(key);
    return await this.#transport.failover(
      `read lease ${key}`,
      async (endpoint) => {
        const { kvs } = await this.#range(endpoint, { key: path }, signal);
        const found = kvs?.[0];
        if (!found) return null;
        const [ttl = null] = await this.#ttls(endpoint, [found], signal);
        return { key, value: fromBase64(found.value), ttl };
      },
      { ...(signal ? { signal } : {}) },
    );
  }

  async create(
    key: string,
    value: string,
    ttl: number | null,
  ): Promise<CreateResult> {
    const path = this.#path(key);
    const lease = await this.#grant(path, ttl);
    const done = await this.#putIf(path, value, lease, {
      target: "VERSION",
      version: "0",
    });
    return done ? "created" : "exists";
  }

  async put(
    key: string,
    value: string,
    ttl: number | null,
    previousValue?: string,
  ): Promise<boolean> {
    const path = this.#path(key);
    if (previousValue === undefined) {
      await this.#put(path, value, ttl);
      return true;
    }
    // Side by side: the lease takes etcd a write to its disk.
    const granting = this.#grant(path, ttl);
    granting.catch(() => {});
    const found = await this.#read(`read lease ${key}`, path)
      .catch(async (error) => {
        await this.#revoke(await granting.catch(() => null));
        throw error;
      });
    const lease = await granting;
    if (!found || fromBase64(found.value) !== previousValue) {
      await this.#revoke(lease);
      return false;
    }
    // By revision, not by value: a value that is no UTF-8 could not be
    // compared in the form it was read.
    const done = await this.#putIf(path, value, lease, {
      target: "MOD",
      mod_revision: found.mod_revision ?? "0",
    });
    if (done && hasLease(found)) this.#former.add(found.lease ?? "");
    return done;
  }

  async delete(key: string, previousValue?: string): Promise<boolean> {
    const path = this.#path(key);
    const action = `delete lease ${key}`;
    if (previousValue === undefined) {
      const { deleted } = await this.#transport.failover(
        action,
        (endpoint) =>
          this.#client.call<{ header?: V3Header; deleted?: string }>(
            endpoint,
            "kv/deleterange",
            { key: toBase64(path) },
          ),
      );
      return Number(deleted ?? 0) > 0;
    }
    const found = await this.#read(action, path);
    if (!found || fromBase64(found.value) !== previousValue) return false;
    const { succeeded } = await this.#transport.failover(
      action,
      (endpoint) =>
        this.#client.call<TxnAnswer>(endpoint, "kv/txn", {
          compare: [{
            key: toBase64(path),
            target: "MOD",
            result: "EQUAL",
            mod_revision: found.mod_revision ?? "0",
          }],
          success: [{ request_delete_range: { key: toBase64(path) } }],
        }),
      { repeat: false },
    );
    if (succeeded && hasLease(found)) {
      await this.#revokeIdle(found.lease ?? "");
    }
    return succeeded === true;
  }

  async tidy(): Promise<void> {
    const former = [...this.#former];
    this.#former.clear();
    for (const lease of former) await this.#revokeIdle(lease);
  }

  async *watch(
    cursor: string,
    signal: AbortSignal,
    options: WatchOptions = {},
  ): AsyncGenerator<StoreEvent, void, void> {
    yield* watchEtcdV3(
      {
        client: this.#client,
        transport: this.#transport,
        directory: this.#subnets,
        pingMs: this.#pingMs,
        list: (signal) => this.readLeases(signal, { ttlLimit: 0 }),
        onRetry: options.onRetry,
        onOpen: options.onOpen,
      },
      cursor,
      signal,
    );
  }

  async health(): Promise<EndpointHealth[]> {
    return await readEtcdHealth({
      transport: this.#transport,
      v3: this.#client,
      read: (endpoint) => this.#range(endpoint, { key: this.#config }),
    });
  }

  async writeConfig(text: string): Promise<void> {
    await this.#put(this.#config, text, null);
  }

  close(): void {
    this.#transport.close();
  }

  #path(key: string): string {
    const path = `${this.#subnets}/${key}`;
    if (childName(this.#subnets, path) === null) {
      throw new TypeError(
        `Cannot name lease: expected a key without "/", got "${key}"`,
      );
    }
    return path;
  }

  async #read(
    action: string,
    path: string,
    signal?: AbortSignal,
  ): Promise<V3KeyValue | null> {
    const { kvs } = await this.#transport.failover(
      action,
      (endpoint) => this.#range(endpoint, { key: path }, signal),
      { ...(signal ? { signal } : {}) },
    );
    return kvs?.[0] ?? null;
  }

  async #range(
    endpoint: Endpoint,
    range: { readonly key: string },
    signal?: AbortSignal,
  ): Promise<V3Range> {
    return await this.#client.call<V3Range>(endpoint, "kv/range", {
      key: toBase64(range.key),
    }, { signal });
  }

  /**
   * The range by the string prefix with its slash. flannel leaves the slash out
   * and so reads `/subnetsX/…` too, which is nobody's lease.
   */
  get #directory(): { readonly key: string; readonly range_end: string } {
    return {
      key: toBase64(`${this.#subnets}/`),
      range_end: toBase64(`${this.#subnets}0`), // "0" follows "/"
    };
  }

  /** Lists page by page, all at one revision. */
  async #list(
    endpoint: Endpoint,
    ttlLimit: number,
    signal?: AbortSignal,
  ): Promise<LeaseList> {
    const found: V3KeyValue[] = [];
    let revision = "0";
    let { key } = this.#directory;
    for (let more = true; more;) {
      const page = await this.#client.call<V3Range>(endpoint, "kv/range", {
        ...this.#directory,
        key,
        limit: PAGE,
        revision,
      }, { signal });
      if (revision === "0") revision = page.header?.revision ?? "0";
      found.push(...page.kvs ?? []);
      more = page.more === true && (page.kvs?.length ?? 0) > 0;
      key = after(found.at(-1)?.key ?? "");
    }
    const children = found.flatMap((kv) => {
      const name = childName(this.#subnets, fromBase64(kv.key));
      return name === null ? [] : [{ name, kv }];
    });
    const kvs = children.map(({ kv }) => kv);
    const ttls = await this.#ttls(endpoint, kvs, signal, ttlLimit);
    const leases = children.map(({ name, kv }, i) => ({
      key: name,
      value: fromBase64(kv.value),
      ttl: ttls[i] ?? null,
    }));
    const created = new Map(
      children.map(({ name, kv }) => [name, Number(kv.create_revision ?? 0)]),
    );
    return { leases, cursor: revision, created, count: found.length };
  }

  async #ttls(
    endpoint: Endpoint,
    kvs: readonly V3KeyValue[],
    signal?: AbortSignal,
    limit = Infinity,
  ): Promise<(number | null)[]> {
    const asked = kvs.filter(hasLease)
      .sort((a, b) => Number(a.mod_revision) - Number(b.mod_revision))
      .slice(0, limit).map((kv) => kv.lease ?? "");
    const ttls = await readTtls(this.#client, endpoint, asked, signal);
    return kvs.map((kv) =>
      hasLease(kv) ? ttls.get(kv.lease ?? "") ?? TTL_NOT_ASKED : null
    );
  }

  /** Writes whoever holds the key; twice is as good as once. */
  async #put(path: string, value: string, ttl: number | null): Promise<void> {
    const lease = await this.#grant(path, ttl);
    await this.#transport.failover(
      `write ${path}`,
      (endpoint) =>
        this.#client.call(endpoint, "kv/put", {
          key: toBase64(path),
          value: toBase64(value),
          ...(lease === null ? {} : { lease }),
        }),
    );
  }

  /**
   * Writes when the comparison holds. An answer that got lost is looked up,
   * not asked for again: the second request would find the first one's key
   * in its way.
   */
  async #putIf(
    path: string,
    value: string,
    lease: string | null,
    compare: Readonly<Record<string, string>>,
  ): Promise<boolean> {
    const key = toBase64(path);
    const message = {
      compare: [{ key, result: "EQUAL", ...compare }],
      success: [{
        request_put: {
          key,
          value: toBase64(value),
          ...(lease === null ? {} : { lease }),
        },
      }],
    };
    try {
      const { succeeded } = await this.#transport.failover(
        `write ${path}`,
        (endpoint) => this.#client.call<TxnAnswer>(endpoint, "kv/txn", message),
        { repeat: false },
      );
      if (succeeded !== true) await this.#revoke(lease);
      return succeeded === true;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      const found = await this.#read(`read ${path} back`, path);
      const isOurs = fromBase64(found?.value) === value &&
        (lease === null || found?.lease === lease);
      if (found && isOurs) return true;
      throw error;
    }
  }

  async #grant(path: string, ttl: number | null): Promise<string | null> {
    if (ttl === null) return null;
    const { ID } = await this.#transport.failover(
      `grant a lease for ${path}`,
      async (endpoint) => {
        const answer = await this.#client.call<GrantAnswer>(
          endpoint,
          "lease/grant",
          { TTL: String(ttl) },
        );
        if (answer.ID) return answer;
        throw new EndpointError("not-etcd", "The lease granted has no id");
      },
    );
    return ID ?? null;
  }

  /**
   * Revokes the lease that a key of ours hung on before, if nothing does now.
   * flannel leaves it to its end; a host that starts over and over would leave
   * thousands a day.
   */
  async #revokeIdle(lease: string): Promise<void> {
    const asked = await this.#transport.failover(
      "look at a former lease",
      (endpoint) =>
        this.#client.call<{ header?: V3Header; keys?: readonly string[] }>(
          endpoint,
          "lease/timetolive",
          { ID: lease, keys: true },
        ),
    ).catch(() => null);
    if (asked !== null && (asked.keys ?? []).length === 0) {
      await this.#revoke(lease);
    }
  }

  /**
   * Revokes a lease that nothing hangs on, lest it stay for a day. Only after
   * an answer that says so: a write whose answer got lost may have been done,
   * and with its lease the key would go.
   */
  async #revoke(lease: string | null): Promise<void> {
    if (lease === null) return;
    await this.#transport.failover(
      "revoke a lease",
      (endpoint) => this.#client.call(endpoint, "lease/revoke", { ID: lease }),
    ).catch(() => {});
  }
}

function hasLease(kv: V3KeyValue): boolean {
  return kv.lease !== undefined && kv.lease !== "0";
}

/** The key that follows directly: with one zero byte more. */
function after(key: string): string {
  const bytes = Uint8Array.fromBase64(key);
  const next = new Uint8Array(bytes.length + 1);
  next.set(bytes);
  return next.toBase64();
}
