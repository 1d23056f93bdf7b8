import { EtcdV2Store } from "./etcd_v2.ts";
import { EtcdV3Store } from "./etcd_v3.ts";
import type { EtcdOptions, Store } from "./store.ts";

/**
 * Opens flannel's records in etcd. Connects to nothing yet and does not throw
 * for files that are missing or wrong: they show with the first request, as
 * {@linkcode StoreUnavailable} of kind `file`, and in `health()`.
 */
export function createStore(
  kind: "etcd-v2" | "etcd-v3",
  options: EtcdOptions,
): Store {
  return kind === "etcd-v2"
    ? new EtcdV2Store(options)
    : new EtcdV3Store(options);
}
