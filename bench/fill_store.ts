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

const PREFIX = "/coreos.com/network";
const WRITERS = 64;
/** Operations of one transaction; etcd takes 128. */
const BATCH = 100;

const [
  endpoint = "",
  hosts = "0",
  backend = "host-gw",
  kind = "etcd-v2",
  first = "0",
] = Deno.args;
const store = createStore(kind === "etcd-v3" ? kind : "etcd-v2", {
  endpoints: [endpoint],
  prefix: PREFIX,
});
await store.writeConfig(
  JSON.stringify({
    Network: "10.0.0.0/8",
    SubnetLen: 24,
    Backend: { Type: backend },
  }),
);
if (kind === "etcd-v3") await fillV3(Number(first), Number(hosts));
else await fillV2(Number(first), Number(hosts));
store.close();

async function fillV2(from: number, to: number): Promise<void> {
  let next = from;
  await Promise.all(Array.from({ length: WRITERS }, async () => {
    while (next < to) {
      const { key, value, ttl } = leaseRecordOf(backend, next++);
      await store.create(key, value, ttl);
    }
  }));
}

/** Whole batches under one etcd lease: a tenth of a second, not ten. */
async function fillV3(from: number, to: number): Promise<void> {
  const granted = await post("lease/grant", { TTL: "86400" });
  for (let at = from; at < to; at += BATCH) {
    const success = [];
    for (let index = at; index < Math.min(at + BATCH, to); index++) {
      const { key, value } = leaseRecordOf(backend, index);
      success.push({
        requestPut: {
          key: btoa(`${PREFIX}/subnets/${key}`),
          value: btoa(value),
          lease: granted.ID,
        },
      });
    }
    await post("kv/txn", { success });
  }
}

async function post(
  path: string,
  body: unknown,
): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`${endpoint}/v3/${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  if (response.ok) return await response.json();
  throw new Error(`Cannot fill etcd: ${await response.text()}`);
}
