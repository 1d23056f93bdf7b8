/**
 * A store whose requests are counted and timed.
 *
 * @module
 */
import type { LeaseRecord } from "../flannel/lease.ts";
import type {
  CreateResult,
  EndpointHealth,
  LaterLeases,
  LeaseList,
  ReadLeasesOptions,
  Store,
  StoreEvent,
  StoreKind,
  WatchOptions,
} from "../stores/store.ts";
import type { Metrics } from "./metrics.ts";

/** Counts a request to a store, and the time that it took. */
export function noteRequest(
  metrics: Metrics,
  operation: string,
  result: "ok" | "error",
  seconds: number,
): void {
  const labels = { operation, result };
  metrics.add("flandoc_store_requests_total", 1, labels);
  metrics.add("flandoc_store_request_seconds_total", seconds, labels);
}

/** Passes everything on, and notes how long it took. */
export class MeasuredStore implements Store {
  readonly #store: Store;
  readonly #metrics: Metrics;

  constructor(store: Store, metrics: Metrics) {
    this.#store = store;
    this.#metrics = metrics;
  }

  get kind(): StoreKind {
    return this.#store.kind;
  }

  readConfig(signal?: AbortSignal): Promise<string | null> {
    return this.#time("read-config", () => this.#store.readConfig(signal));
  }

  readLeases(
    signal?: AbortSignal,
    options?: ReadLeasesOptions,
  ): Promise<LeaseList> {
    return this.#time("list", () => this.#store.readLeases(signal, options));
  }

  readLater(
    list: LeaseList,
    signal?: AbortSignal,
  ): Promise<LaterLeases | null> {
    return this.#time("list-later", () => this.#store.readLater(list, signal));
  }

  readLease(key: string, signal?: AbortSignal): Promise<LeaseRecord | null> {
    return this.#time("read", () => this.#store.readLease(key, signal));
  }

  create(
    key: string,
    value: string,
    ttl: number | null,
  ): Promise<CreateResult> {
    return this.#time("create", () => this.#store.create(key, value, ttl));
  }

  put(
    key: string,
    value: string,
    ttl: number | null,
    previousValue?: string,
  ): Promise<boolean> {
    return this.#time(
      "put",
      () => this.#store.put(key, value, ttl, previousValue),
    );
  }

  delete(key: string, previousValue?: string): Promise<boolean> {
    return this.#time("delete", () => this.#store.delete(key, previousValue));
  }

  watch(
    cursor: string,
    signal: AbortSignal,
    options?: WatchOptions,
  ): AsyncIterable<StoreEvent> {
    return this.#store.watch(cursor, signal, options);
  }

  health(): Promise<EndpointHealth[]> {
    return this.#store.health();
  }

  tidy(): Promise<void> {
    return this.#store.tidy();
  }

  writeConfig(text: string): Promise<void> {
    return this.#store.writeConfig(text);
  }

  close(): void {
    this.#store.close();
  }

  async #time<T>(operation: string, request: () => Promise<T>): Promise<T> {
    const started = performance.now();
    let result: "ok" | "error" = "error";
    try {
      const answer = await request();
      result = "ok";
      return answer;
    } finally {
      const seconds = (performance.now() - started) / 1000;
      noteRequest(this.#metrics, operation, result, seconds);
    }
  }
}
