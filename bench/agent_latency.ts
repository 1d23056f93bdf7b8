/**
 * From a lease to its route, as seen from the agent's own host:
 * `agent_latency.ts ENDPOINT BACKEND FIRST COUNT` writes COUNT leases one after
 * the other and prints, as JSON, milliseconds from the moment the write began,
 * and from the moment this program's own watch saw it, until the kernel told of
 * the route. A program of its own, since it has to run in the agent's
 * namespace.
 *
 * @module
 */
import { openMonitor } from "../host/netlink/monitor.ts";
import { createStore } from "../stores/create_store.ts";
import { leaseRecordOf } from "./network.ts";

/** What it prints; each list is in the order of the leases. */
export interface AgentLatencies {
  readonly fromPut: readonly number[];
  readonly fromEvent: readonly number[];
}

/** Milliseconds between two leases. */
const PAUSE_MS = 15;
const LIMIT_MS = 5_000;

/** Runs the measurement. */
async function measure(
  endpoint: string,
  backend: string,
  first: number,
  count: number,
): Promise<AgentLatencies> {
  const store = createStore("etcd-v3", {
    endpoints: [endpoint],
    prefix: "/coreos.com/network",
  });
  const stop = new AbortController();
  const seen = new Map<string, number>();
  const routed = new Map<string, number>();
  const { cursor } = await store.readLeases(undefined, { ttlLimit: 0 });
  const watching = (async () => {
    for await (const event of store.watch(cursor, stop.signal)) {
      if (event.type !== "put") continue;
      seen.set(event.record.key, performance.now());
    }
  })();
  await using monitor = openMonitor({ routes: true });
  const listening = (async () => {
    for await (const event of monitor) {
      if (event.type !== "route" || event.change !== "new") continue;
      routed.set(event.route.dst.replace("/", "-"), performance.now());
    }
  })();
  const latencies = { fromPut: [] as number[], fromEvent: [] as number[] };
  for (let index = first; index < first + count; index++) {
    const { key, value, ttl } = leaseRecordOf(backend, index);
    const started = performance.now();
    await store.create(key, value, ttl);
    while (!routed.has(key) || !seen.has(key)) {
      if (performance.now() - started > LIMIT_MS) {
        throw new Error(`Cannot measure: no route for lease ${key}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    latencies.fromPut.push(routed.get(key)! - started);
    latencies.fromEvent.push(routed.get(key)! - seen.get(key)!);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  stop.abort();
  await monitor.close();
  await Promise.all([watching, listening]);
  store.close();
  return latencies;
}

const [endpoint = "", backend = "", first = "0", count = "0"] = Deno.args;
console.log(JSON.stringify(
  await measure(endpoint, backend, Number(first), Number(count)),
));
