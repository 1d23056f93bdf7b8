/**
 * What a start needs of the store, asked for before it is needed: etcd works
 * on the list of leases while the agent looks at its host.
 *
 * @module
 */
import type { LeaseList, Store } from "../stores/store.ts";

/** A list that has waited longer is read again, milliseconds. */
const FRESH_MS = 2_000;

/** A list of leases that is on its way; it can be had once. */
export class FirstLeases {
  readonly #asked = performance.now();
  #list: Promise<LeaseList> | null;

  constructor(store: Store, signal: AbortSignal) {
    this.#list = store.readLeases(signal, { ttlLimit: 0 });
    // Nobody may ever take it.
    this.#list.catch(() => {});
  }

  /** The list; null when it was had before, has failed, or is old. */
  async take(): Promise<LeaseList | null> {
    const list = this.#list;
    this.#list = null;
    if (performance.now() - this.#asked > FRESH_MS) return null;
    return await list?.catch(() => null) ?? null;
  }
}

/** What was read of a store when it was opened. */
export interface FirstReads {
  /** Text of the network config; null when it is to be read. */
  readonly config: string | null;
  readonly leases: FirstLeases | null;
}
