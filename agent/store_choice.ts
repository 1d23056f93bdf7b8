/**
 * Which etcd API holds the network's records.
 *
 * @module
 */
import { Backoff } from "../stores/backoff.ts";
import { type Store, StoreUnavailable } from "../stores/store.ts";
import { FirstLeases, type FirstReads } from "./first_reads.ts";
import type { Logger } from "./log.ts";

/** What was read through one API. */
interface Look {
  readonly store: Store;
  readonly config: string | null;
  readonly error: string | null;
  /** Whether etcd answered that it has no such API. */
  readonly hasNoApi: boolean;
}

async function look(store: Store, signal: AbortSignal): Promise<Look> {
  try {
    const config = await store.readConfig(signal);
    return { store, config, error: null, hasNoApi: false };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const hasNoApi = error instanceof StoreUnavailable &&
      error.causes.some(({ kind }) => kind === "api");
    return { store, config: null, error: message, hasNoApi };
  }
}

/**
 * Of two APIs that both hold a config, the one with leases; v3 when both or
 * neither have. flannel up to v0.17 reads v2, from v0.18 on v3.
 */
async function withLeases(
  v2: Store,
  v3: Store,
  signal: AbortSignal,
): Promise<Store> {
  const count = async (store: Store) =>
    (await store.readLeases(signal, { ttlLimit: 0 })).leases.length;
  const [old, now] = await Promise.all([count(v2), count(v3)]);
  return old > 0 && now === 0 ? v2 : v3;
}

/** A store that was chosen, and what was read of it for that. */
export interface ChosenStore {
  readonly store: Store;
  readonly first: FirstReads;
}

/**
 * Opens the store through the API that holds the network config, and waits
 * until one does.
 */
export async function chooseStore(
  open: (kind: "etcd-v2" | "etcd-v3") => Store,
  log: Logger,
  signal: AbortSignal,
): Promise<ChosenStore> {
  const v3 = open("etcd-v3");
  const v2 = open("etcd-v2");
  const leases = new FirstLeases(v3, signal);
  const backoff = new Backoff(1_000, 5_000);
  let said = "";
  try {
    for (;;) {
      signal.throwIfAborted();
      const [now, old] = await Promise.all([
        look(v3, signal),
        look(v2, signal),
      ]);
      const chosen = await choose(now, old, signal).catch(() => null);
      if (chosen !== null) {
        const { store, config } = chosen;
        (store === v3 ? v2 : v3).close();
        const first = store === v3 ? leases : new FirstLeases(v2, signal);
        return { store, first: { config, leases: first } };
      }
      signal.throwIfAborted();
      const message = now.error === null
        ? "There is no network config in etcd yet, by neither API"
        : `Cannot read network config: ${now.error}${
          old.config === null
            ? ""
            : "; there is one in v2, which --etcd-api=v2 would take"
        }`;
      if (message !== said) log.warning(message);
      said = message;
      await backoff.wait(signal);
    }
  } catch (error) {
    v2.close();
    v3.close();
    throw error;
  }
}

/**
 * Null while it cannot be told. A config in v2 may be what an upgrade left:
 * it counts only once v3 has said that it holds none, or is not there.
 */
async function choose(
  now: Look,
  old: Look,
  signal: AbortSignal,
): Promise<Look | null> {
  if (now.config !== null && old.config !== null) {
    const store = await withLeases(old.store, now.store, signal);
    return store === now.store ? now : old;
  }
  if (now.config !== null) return now;
  const isKnown = now.error === null || now.hasNoApi;
  return old.config !== null && isKnown ? old : null;
}
