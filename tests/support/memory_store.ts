/**
 * A store in memory, for tests of what happens when records change at the
 * wrong moment.
 *
 * @module
 */
import type { LeaseRecord } from "../../flannel/lease.ts";
import {
  type CreateResult,
  type EndpointHealth,
  type LaterLeases,
  type LeaseList,
  type Store,
  type StoreEvent,
  StoreUnavailable,
} from "../../stores/store.ts";

/** Records in memory; everything can be changed behind a user's back. */
export class MemoryStore implements Store {
  readonly kind = "etcd-v3";
  readonly records = new Map<string, LeaseRecord>();
  config: string | null = null;
  /** While set, every request fails. */
  down = false;
  /** Called before each write, to change things just then. */
  beforeWrite: (key: string) => void = () => {};
  readonly #events: StoreEvent[] = [];
  #wake: (() => void)[] = [];

  readonly #created = new Map<string, number>();

  /** Writes as another host would. */
  set(key: string, value: string, ttl: number | null = 86_400): void {
    const record = { key, value, ttl };
    if (!this.records.has(key)) this.#created.set(key, this.#events.length);
    this.records.set(key, record);
    this.#emit({ type: "put", record, cursor: this.#cursor() });
  }

  /** Deletes as another host, or time, would. */
  unset(key: string): void {
    if (!this.records.delete(key)) return;
    this.#emit({ type: "delete", key, cursor: this.#cursor() });
  }

  /** Tells watchers to begin anew with what is there now. */
  reset(): void {
    const list = { leases: [...this.records.values()], cursor: this.#cursor() };
    this.#emit({ type: "reset", list });
  }

  readConfig(): Promise<string | null> {
    return this.#answer(() => this.config);
  }

  readLeases(): Promise<LeaseList> {
    return this.#answer(() => ({
      leases: [...this.records.values()],
      cursor: this.#cursor(),
      created: new Map(this.#created),
    }));
  }

  readLease(key: string): Promise<LeaseRecord | null> {
    return this.#answer(() => this.records.get(key) ?? null);
  }

  create(
    key: string,
    value: string,
    ttl: number | null,
  ): Promise<CreateResult> {
    return this.#answer(() => {
      this.beforeWrite(key);
      if (this.records.has(key)) return "exists";
      this.set(key, value, ttl);
      return "created";
    });
  }

  put(
    key: string,
    value: string,
    ttl: number | null,
    previousValue?: string,
  ): Promise<boolean> {
    return this.#answer(() => {
      this.beforeWrite(key);
      const there = this.records.get(key)?.value;
      if (previousValue !== undefined && there !== previousValue) return false;
      this.set(key, value, ttl);
      return true;
    });
  }

  delete(key: string, previousValue?: string): Promise<boolean> {
    return this.#answer(() => {
      this.beforeWrite(key);
      const there = this.records.get(key);
      if (there === undefined) return false;
      if (previousValue !== undefined && there.value !== previousValue) {
        return false;
      }
      this.unset(key);
      return true;
    });
  }

  async *watch(
    cursor: string,
    signal: AbortSignal,
  ): AsyncGenerator<StoreEvent, void, void> {
    let at = Number(cursor);
    while (!signal.aborted) {
      if (at < this.#events.length) yield this.#events[at++]!;
      else {
        await new Promise<void>((resolve) => {
          this.#wake.push(resolve);
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
    }
  }

  health(): Promise<EndpointHealth[]> {
    return Promise.resolve([]);
  }

  readLater({ cursor }: LeaseList): Promise<LaterLeases | null> {
    return Promise.resolve({ leases: [], cursor });
  }

  tidy(): Promise<void> {
    return Promise.resolve();
  }

  writeConfig(text: string): Promise<void> {
    this.config = text;
    return Promise.resolve();
  }

  close(): void {}

  #cursor(): string {
    return String(this.#events.length);
  }

  #emit(event: StoreEvent): void {
    this.#events.push(event);
    const wake = this.#wake;
    this.#wake = [];
    for (const each of wake) each();
  }

  async #answer<T>(answer: () => T): Promise<T> {
    // As over a network, never in the same turn.
    await Promise.resolve();
    if (this.down) throw new StoreUnavailable("The store is away", []);
    return answer();
  }
}
