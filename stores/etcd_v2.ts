import { readEtcdHealth } from "./etcd_health.ts";
import type { Endpoint } from "./endpoint.ts";
import { V2_CODE, V2Client, V2Error, type V2Node } from "./etcd_v2_client.ts";
import { watchEtcdV2 } from "./etcd_v2_watch.ts";
import { V3Client } from "./etcd_v3_client.ts";
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
  type WatchOptions,
} from "./store.ts";
import { Transport } from "./transport.ts";
import type { LeaseRecord } from "../flannel/lease.ts";

/**
 * flannel's records in etcd v2, as flanneld up to v0.17 keeps them (flannel
 * v0.11.0 subnet/etcdv2/registry.go).
 */
export class EtcdV2Store implements Store {
  readonly kind = "etcd-v2";
  readonly #transport: Transport;
  readonly #client: V2Client;
  readonly #config: string;
  readonly #subnets: string;
  readonly #pingMs: number;

  constructor(options: EtcdOptions) {
    this.#transport = new Transport(options);
    this.#client = new V2Client(this.#transport, options);
    // The v2 client of flannel puts a slash before a prefix without one.
    this.#config = keyPath("/", options.prefix, "config");
    this.#subnets = keyPath("/", options.prefix, "subnets");
    this.#pingMs = options.pingMs ?? 5_000;
  }

  async readConfig(signal?: AbortSignal): Promise<string | null> {
    const node = await this.#get("read network config", this.#config, signal);
    return node?.value ?? null;
  }

  async readLeases(
    signal?: AbortSignal,
    _options?: ReadLeasesOptions,
  ): Promise<LeaseList> {
    return await this.#transport.failover(
      "read leases",
      (endpoint) => this.#list(endpoint, signal),
      { ...(signal ? { signal } : {}) },
    );
  }

  async readLease(
    key: string,
    signal?: AbortSignal,
  ): Promise<LeaseRecord | null> {
    const path = this.#path(key);
    const node = await this.#get(`read lease ${key}`, path, signal);
    return node ? toLeaseRecord(key, node) : null;
  }

  async create(
    key: string,
    value: string,
    ttl: number | null,
  ): Promise<CreateResult> {
    const done = await this.#putIf(
      this.#path(key),
      value,
      ttl,
      "prevExist=false",
    );
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
    const node = await this.#get(`read lease ${key}`, path);
    if (!node || node.value !== previousValue) return false;
    // By index, not prevValue: that one cannot be empty, and has to stand in
    // the URL for a delete.
    const condition = `prevIndex=${node.modifiedIndex ?? 0}`;
    return await this.#putIf(path, value, ttl, condition);
  }

  async delete(key: string, previousValue?: string): Promise<boolean> {
    const path = this.#path(key);
    let condition = "";
    if (previousValue !== undefined) {
      const node = await this.#get(`read lease ${key}`, path);
      if (!node || node.value !== previousValue) return false;
      condition = `prevIndex=${node.modifiedIndex ?? 0}`;
    }
    return await this.#transport.failover(
      `delete lease ${key}`,
      (endpoint) =>
        this.#client.keys(endpoint, "DELETE", path, condition)
          .then(() => true, refused(false)),
      { repeat: previousValue === undefined },
    );
  }

  async *watch(
    cursor: string,
    signal: AbortSignal,
    options: WatchOptions = {},
  ): AsyncGenerator<StoreEvent, void, void> {
    yield* watchEtcdV2(
      {
        client: this.#client,
        transport: this.#transport,
        directory: this.#subnets,
        pingMs: this.#pingMs,
        list: (signal) => this.readLeases(signal),
        onRetry: options.onRetry,
        onOpen: options.onOpen,
      },
      cursor,
      signal,
    );
  }

  async health(): Promise<EndpointHealth[]> {
    // The v2 login is of no use to the v3 gateway, which has users of its own.
    const v3 = new V3Client(this.#transport, { endpoints: [], prefix: "" });
    return await readEtcdHealth({
      transport: this.#transport,
      v3,
      v2: this.#client,
      read: (endpoint) => this.#client.keys(endpoint, "GET", this.#config, ""),
    });
  }

  /** A watch of v2 begins with what it has missed, at once. */
  readLater({ cursor }: LeaseList): Promise<LaterLeases | null> {
    return Promise.resolve({ leases: [], cursor });
  }

  /** A key of v2 has its TTL itself: nothing is left behind. */
  async tidy(): Promise<void> {}

  async writeConfig(text: string): Promise<void> {
    await this.#put(this.#config, text, null);
  }

  close(): void {
    this.#transport.close();
  }

  #path(key: string): string {
    const path = `${this.#subnets}/${key}`;
    // A URL with a segment "." or ".." is another one by the time it is sent.
    const isDots = key === "." || key === "..";
    if (isDots || childName(this.#subnets, path) === null) {
      throw new TypeError(
        `Cannot name lease: expected a key without "/", got "${key}"`,
      );
    }
    return path;
  }

  async #get(
    action: string,
    path: string,
    signal?: AbortSignal,
  ): Promise<V2Node | null> {
    return await this.#transport.failover(
      action,
      (endpoint) =>
        this.#client.keys(
          endpoint,
          "GET",
          path,
          "quorum=true&recursive=false&sorted=false",
          undefined,
          signal,
        ).then(({ node }) => node.dir ? null : node, refused(null)),
      { ...(signal ? { signal } : {}) },
    );
  }

  async #list(endpoint: Endpoint, signal?: AbortSignal): Promise<LeaseList> {
    try {
      const { node, index } = await this.#client.keys(
        endpoint,
        "GET",
        this.#subnets,
        "quorum=true&recursive=true&sorted=false",
        undefined,
        signal,
      );
      const created = new Map<string, number>();
      const leases = (node.nodes ?? []).flatMap((child) => {
        const name = childName(this.#subnets, child.key ?? "");
        if (name === null || child.dir) return [];
        created.set(name, child.createdIndex ?? 0);
        return [toLeaseRecord(name, child)];
      });
      return { leases, cursor: String(index), created };
    } catch (error) {
      if (!(error instanceof V2Error) || error.code !== V2_CODE.keyNotFound) {
        throw error;
      }
      return { leases: [], cursor: String(error.index) };
    }
  }

  /** Writes whoever holds the key; twice is as good as once. */
  async #put(path: string, value: string, ttl: number | null): Promise<void> {
    await this.#transport.failover(
      `write ${path}`,
      (endpoint) =>
        this.#client.keys(endpoint, "PUT", path, "", form(value, ttl)),
    );
  }

  /** Writes under a condition; an answer that got lost is looked up. */
  async #putIf(
    path: string,
    value: string,
    ttl: number | null,
    condition: string,
  ): Promise<boolean> {
    try {
      return await this.#transport.failover(
        `write ${path}`,
        (endpoint) =>
          this.#client.keys(endpoint, "PUT", path, condition, form(value, ttl))
            .then(() => true, refused(false)),
        { repeat: false },
      );
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      const found = await this.#get(`read ${path} back`, path);
      if (found?.value === value && (found.ttl === undefined) === !ttl) {
        return true;
      }
      throw error;
    }
  }
}

/** A V2 node as the record it is; a TTL of 0 or less has just expired. */
export function toLeaseRecord(key: string, node: V2Node): LeaseRecord {
  const ttl = node.ttl === undefined ? null : Math.max(0, node.ttl);
  return { key, value: node.value ?? "", ttl };
}

function form(value: string, ttl: number | null): Record<string, string> {
  return { value, ...(ttl === null ? {} : { ttl: String(ttl) }) };
}

/** Turns the refusals that a condition gives into a value. */
function refused<T>(value: T): (error: unknown) => T {
  return (error) => {
    const codes: readonly number[] = [
      V2_CODE.keyNotFound,
      V2_CODE.testFailed,
      V2_CODE.nodeExists,
    ];
    if (error instanceof V2Error && codes.includes(error.code)) return value;
    throw error;
  };
}
