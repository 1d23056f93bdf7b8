/**
 * The one interface behind which etcd v2 and etcd v3 look alike.
 *
 * @module
 */
import type { LeaseRecord } from "../flannel/lease.ts";

/** Which API keeps the records. */
export type StoreKind = "etcd-v2" | "etcd-v3" | "kubernetes";

/** How to reach an etcd cluster; names follow flanneld's flags. */
export interface EtcdOptions {
  readonly endpoints: readonly string[];
  /** @default "/coreos.com/network" */
  readonly prefix: string;
  readonly cafile?: string;
  readonly certfile?: string;
  readonly keyfile?: string;
  readonly username?: string;
  readonly password?: string;
  /**
   * Deadline of one request at one endpoint, milliseconds.
   * @default 3000
   */
  readonly timeoutMs?: number;
  /**
   * A watch that is silent this long asks its endpoint for a sign of life,
   * milliseconds.
   * @default 5000
   */
  readonly pingMs?: number;
}

// In watch events of etcd v3, and in lists beyond their `ttlLimit`.
export { TTL_NOT_ASKED } from "../flannel/lease.ts";

/** What to leave out of a list. */
export interface ReadLeasesOptions {
  /**
   * How many TTLs to ask etcd v3 for, of the keys written longest ago: they
   * are the first to expire. The others have {@linkcode TTL_NOT_ASKED};
   * reservations are null in any case. 5,000 leases take 0.1 s without their
   * TTLs, 1.4 s with them. The v2 API gives all at once.
   * @default Infinity
   */
  readonly ttlLimit?: number;
}

/** What one endpoint said of itself. */
export interface EndpointHealth {
  readonly endpoint: string;
  readonly reachable: boolean;
  /** Why it is not reachable, in plain words; null when it is. */
  readonly error: string | null;
  /**
   * What kind of failure, as in `stores/endpoint_error.ts`: refused, timeout,
   * closed, unreachable, dns, scheme, tls, tls-untrusted, tls-name,
   * tls-expired, tls-client-certificate, not-etcd, api, auth, http, file,
   * invalid.
   */
  readonly errorKind: string | null;
  readonly version: string | null;
  /** Hexadecimal, as etcdctl prints it. */
  readonly clusterId: string | null;
  readonly memberId: string | null;
  /** `/health` says true. Null when it could not be asked. */
  readonly healthy: boolean | null;
  readonly hasLeader: boolean | null;
  /** Active alarms such as NOSPACE. */
  readonly alarms: readonly string[];
  /** Whether the v2 API answers; null when not asked. */
  readonly v2: boolean | null;
  /** Whether the v3 gateway answers; null when not asked. */
  readonly v3: boolean | null;
  /** Round trip of the health request, milliseconds. */
  readonly latencyMs: number | null;
}

/** All leases at one moment, with the position a watch goes on from. */
export interface LeaseList {
  readonly leases: readonly LeaseRecord[];
  /** Opaque: v2 index or v3 revision of the list, in text. */
  readonly cursor: string;
  /** When each key was created, v2 index or v3 revision; absent: unknown. */
  readonly created?: ReadonlyMap<string, number>;
  /** Keys at all depths, of v3 only. */
  readonly count?: number;
}

/** What was written after a list was read. */
export interface LaterLeases {
  readonly leases: readonly LeaseRecord[];
  /** From where a watch goes on. */
  readonly cursor: string;
}

/** A change of the lease directory. */
export type StoreEvent =
  | {
    readonly type: "put";
    readonly record: LeaseRecord;
    readonly cursor: string;
  }
  | { readonly type: "delete"; readonly key: string; readonly cursor: string }
  /** The history was compacted or lost: list again, diff, go on from there. */
  | { readonly type: "reset"; readonly list: LeaseList };

/** Result of creating a key. */
export type CreateResult = "created" | "exists";

/** Raised when no endpoint gave an answer; `causes` has one line for each. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  constructor(
    message: string,
    readonly causes: readonly {
      endpoint: string;
      error: string;
      kind: string;
    }[],
  ) {
    super(message);
  }
}

/** How a watch tells what it survives. */
export interface WatchOptions {
  /** Called when a connection is lost, before the wait for the next one. */
  readonly onRetry?: (error: Error, waitMs: number) => void;
  /** Called when a server has begun to answer a watch. */
  readonly onOpen?: () => void;
}

/** Etcd's records of a flannel network. Every method has a deadline. */
export interface Store {
  readonly kind: StoreKind;
  /** The text under `{prefix}/config`, or null when there is no such key. */
  readConfig(signal?: AbortSignal): Promise<string | null>;
  /** All direct children of `{prefix}/subnets`, with their TTLs. */
  readLeases(
    signal?: AbortSignal,
    options?: ReadLeasesOptions,
  ): Promise<LeaseList>;
  /**
   * What was written since a list was read; null when something was deleted
   * too, so that the list is to be read again. A watch that begins in the past
   * tells of it as well, of v3 up to 100 ms later.
   */
  readLater(list: LeaseList, signal?: AbortSignal): Promise<LaterLeases | null>;
  /** One record, or null. */
  readLease(key: string, signal?: AbortSignal): Promise<LeaseRecord | null>;
  /** Creates the key only if absent. A null ttl makes a reservation. */
  create(key: string, value: string, ttl: number | null): Promise<CreateResult>;
  /**
   * Writes the key whoever holds it. With `previousValue`, writes only when
   * the stored value equals it and answers false when it does not.
   */
  put(
    key: string,
    value: string,
    ttl: number | null,
    previousValue?: string,
  ): Promise<boolean>;
  /** Deletes the key, with `previousValue` only when it still has that value. */
  delete(key: string, previousValue?: string): Promise<boolean>;
  /** Changes after `cursor`, for ever, over lost connections; ends on abort. */
  watch(
    cursor: string,
    signal: AbortSignal,
    options?: WatchOptions,
  ): AsyncIterable<StoreEvent>;
  /** Asks every endpoint, in parallel. Never throws. */
  health(): Promise<EndpointHealth[]>;
  /**
   * Clears away what writes of this store have left behind: leases of etcd v3
   * that nothing hangs on any more. Apart, so that no write waits for it.
   */
  tidy(): Promise<void>;
  /** Config key text for writing by `lab` and `fix --config`. */
  writeConfig(text: string): Promise<void>;
  close(): void;
}
