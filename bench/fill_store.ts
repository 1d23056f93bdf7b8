/**
 * Writes a network of so many hosts into etcd: `fill_store.ts ENDPOINT HOSTS`.
 * A program of its own, since it has to run in the network's namespace.
 *
 * @module
 */
import { createStore } from "../stores/create_store.ts";
import { leaseRecordOf } from "./network.ts";

const WRITERS = 64;

const [endpoint = "", hosts = "0"] = Deno.args;
const store = createStore("etcd-v2", {
  endpoints: [endpoint],
  prefix: "/coreos.com/network",
});
await store.writeConfig(
  '{"Network":"10.0.0.0/8","SubnetLen":24,"Backend":{"Type":"host-gw"}}',
);
let next = 0;
await Promise.all(Array.from({ length: WRITERS }, async () => {
  while (next < Number(hosts)) {
    const { key, value, ttl } = leaseRecordOf("host-gw", next++);
    await store.create(key, value, ttl);
  }
}));
store.close();
