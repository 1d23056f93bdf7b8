/**
 * Writes a network's hosts into etcd:
 * `fill_store.ts ENDPOINT HOSTS [BACKEND [STORE [FIRST]]]`, from the FIRST up to,
 * not including, HOSTS. A program of its own, since it has to run in the
 * network's namespace.
 *
 * @module
 */
import { createStore } from "../stores/create_store.ts";
import { leaseRecordOf } from "./network.ts";

const WRITERS = 64;

const [
  endpoint = "",
  hosts = "0",
  backend = "host-gw",
  kind = "etcd-v2",
  first = "0",
] = Deno.args;
const store = createStore(kind === "etcd-v3" ? kind : "etcd-v2", {
  endpoints: [endpoint],
  prefix: "/coreos.com/network",
});
await store.writeConfig(
  JSON.stringify({
    Network: "10.0.0.0/8",
    SubnetLen: 24,
    Backend: { Type: backend },
  }),
);
let next = Number(first);
await Promise.all(Array.from({ length: WRITERS }, async () => {
  while (next < Number(hosts)) {
    const { key, value, ttl } = leaseRecordOf(backend, next++);
    await store.create(key, value, ttl);
  }
}));
store.close();
