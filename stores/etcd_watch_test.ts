import assert from "node:assert/strict";
import { eventually } from "../tests/support/agents.ts";
import { type EtcdCluster, startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import { startTcpProxy } from "../tests/support/tcp_proxy.ts";
import { createStore } from "./create_store.ts";
import type { Store, StoreEvent } from "./store.ts";

const KINDS = ["etcd-v2", "etcd-v3"] as const;
type Kind = typeof KINDS[number];

/** Nothing of a server that works takes so long, however slow the machine. */
const PATIENT = { pingMs: 20_000, timeoutMs: 60_000 };
/** What notices that a server is frozen. */
const HASTY = { pingMs: 150, timeoutMs: 500 };

let prefixes = 0;

function open(
  endpoints: readonly string[],
  kind: Kind,
  prefix?: string,
  times: typeof PATIENT = PATIENT,
) {
  const store = createStore(kind, {
    endpoints,
    prefix: prefix ?? `/test/${++prefixes}`,
    ...times,
  });
  return { store, [Symbol.dispose]: () => store.close() };
}

/** A watch under way, whose events a test waits for. */
class Watching implements AsyncDisposable {
  readonly retries: string[] = [];
  /** How often a server has begun to answer. */
  opens = 0;
  readonly #abort = new AbortController();
  readonly #events: StoreEvent[] = [];
  readonly #done: Promise<void>;
  #wake = () => {};

  constructor(store: Store, cursor: string) {
    this.#done = this.#follow(store, cursor);
  }

  async #follow(store: Store, cursor: string): Promise<void> {
    const events = store.watch(cursor, this.#abort.signal, {
      onRetry: (error) => this.retries.push(error.message),
      onOpen: () => void this.opens++,
    });
    for await (const event of events) {
      this.#events.push(event);
      this.#wake();
    }
  }

  /** The next event as text; fails after `ms`. */
  async next(ms = 60_000): Promise<string> {
    const deadline = performance.now() + ms;
    while (this.#events.length === 0) {
      const left = deadline - performance.now();
      assert.ok(left > 0, `no event within ${ms} ms: ${this.retries}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return describe(this.#events.shift());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const started = performance.now();
    this.#abort.abort();
    await this.#done;
    // Not with the poll or the request that is under way, nor its timer.
    const took = performance.now() - started;
    assert.ok(took < 15_000, `the watch took ${took} ms to end`);
  }
}

function describe(event: StoreEvent | undefined): string {
  switch (event?.type) {
    case "put":
      return `put ${event.record.key}=${event.record.value}`;
    case "delete":
      return `delete ${event.key}`;
    case "reset":
      return `reset ${
        event.list.leases.map(({ key, value }) => `${key}=${value}`).sort()
      }`;
    default:
      return "nothing";
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The least that so many attempts take: half of 100 ms, of 200 ms, … */
function leastMs(attempts: number): number {
  let sum = 0;
  for (let i = 0; i < attempts - 1; i++) sum += Math.min(50 * 2 ** i, 2_500);
  // Timers may be a little early.
  return 0.95 * sum;
}

type Case = (etcd: EtcdCluster, kind: Kind) => Promise<void>;

/** What leaves the server alone. */
const CALM: Readonly<Record<string, Case>> = {
  "tells puts and deletes in order, with cursors": async (etcd, kind) => {
    using opened = open(etcd.endpoints, kind);
    const { store } = opened;
    await store.put("a", "0", null);
    const { cursor } = await store.readLeases();
    await using watching = new Watching(store, cursor);
    await store.put("a", "1", 100);
    await store.delete("a");
    await store.put("b", "2", null);
    assert.equal(await watching.next(), "put a=1");
    assert.equal(await watching.next(), "delete a");
    assert.equal(await watching.next(), "put b=2");
  },
  "goes on from a cursor without a gap or a repeat": async (etcd, kind) => {
    using opened = open(etcd.endpoints, kind);
    const { store } = opened;
    const { cursor } = await store.readLeases();
    for (let i = 0; i < 5; i++) await store.put("a", `${i}`, null);
    let at = cursor;
    const seen: string[] = [];
    for (let i = 0; i < 5; i++) {
      for await (const event of store.watch(at, new AbortController().signal)) {
        seen.push(describe(event));
        if (event.type !== "reset") at = event.cursor;
        break;
      }
    }
    assert.deepEqual(seen, [0, 1, 2, 3, 4].map((i) => `put a=${i}`));
  },
  "tells an expired lease as a delete": async (etcd, kind) => {
    using opened = open(etcd.endpoints, kind);
    const { cursor } = await opened.store.readLeases();
    await opened.store.put("a", "1", 1);
    await using watching = new Watching(opened.store, cursor);
    assert.equal(await watching.next(), "put a=1");
    assert.equal(await watching.next(), "delete a");
  },
  "keeps to its directory": async (etcd, kind) => {
    const prefix = `/test/${++prefixes}`;
    using opened = open(etcd.endpoints, kind, prefix);
    using beside = open(etcd.endpoints, kind, `${prefix}/subnetsX`);
    using below = open(etcd.endpoints, kind, `${prefix}/subnets/x`);
    const { cursor } = await opened.store.readLeases();
    await using watching = new Watching(opened.store, cursor);
    await opened.store.writeConfig("{}");
    await beside.store.put("a", "1", null);
    await below.store.put("a", "1", null);
    await opened.store.put("a", "2", null);
    assert.equal(await watching.next(), "put a=2");
  },
  "survives a cut connection": async (etcd, kind) => {
    await using proxy = startTcpProxy(portOf(etcd));
    const prefix = `/test/${++prefixes}`;
    using direct = open(etcd.endpoints, kind, prefix);
    using opened = open([`http://127.0.0.1:${proxy.port}`], kind, prefix);
    const { cursor } = await opened.store.readLeases();
    await using watching = new Watching(opened.store, cursor);
    for (let i = 0; i < 3; i++) {
      await sleep(50);
      proxy.cut();
      await direct.store.put("a", `${i}`, null);
      assert.equal(await watching.next(), `put a=${i}`);
    }
  },
  "tells that the server answers again, though nothing happens": async (
    etcd,
    kind,
  ) => {
    await using proxy = startTcpProxy(portOf(etcd));
    using opened = open([`http://127.0.0.1:${proxy.port}`], kind);
    const { cursor } = await opened.store.readLeases();
    await using watching = new Watching(opened.store, cursor);
    for (const times of [1, 2, 3]) {
      await eventually(() => watching.opens, (n) => n === times);
      proxy.cut();
    }
  },
  "stays on one connection when nothing happens": async (etcd, kind) => {
    await using proxy = startTcpProxy(portOf(etcd));
    const url = `http://127.0.0.1:${proxy.port}`;
    const times = { ...PATIENT, pingMs: HASTY.pingMs };
    using opened = open([url], kind, undefined, times);
    const { cursor } = await opened.store.readLeases();
    await using watching = new Watching(opened.store, cursor);
    await sleep(5 * HASTY.pingMs);
    assert.deepEqual(watching.retries, []);
    // One for the watch, one for lists and signs of life.
    assert.ok(proxy.taken <= 2, `${proxy.taken} connections`);
  },
  "ends with the store": async (etcd, kind) => {
    using opened = open(etcd.endpoints, kind);
    const { cursor } = await opened.store.readLeases();
    await using _watching = new Watching(opened.store, cursor);
    await sleep(50);
    opened.store.close();
  },
  "refuses a cursor that is none": async (etcd, kind) => {
    using opened = open(etcd.endpoints, kind);
    const signal = new AbortController().signal;
    await assert.rejects(async () => {
      for await (const _ of opened.store.watch("x", signal)) break;
    }, TypeError);
  },
};

/** What takes the server away. */
const ROUGH: Readonly<Record<string, Case>> = {
  "notices a frozen server and goes on after": async (etcd, kind) => {
    const prefix = `/test/${++prefixes}`;
    using direct = open(etcd.endpoints, kind, prefix);
    using opened = open(etcd.endpoints, kind, prefix, HASTY);
    const { cursor } = await direct.store.readLeases();
    await using watching = new Watching(opened.store, cursor);
    await sleep(100);
    etcd.members[0]?.freeze();
    const frozen = performance.now();
    try {
      await eventually(() => watching.retries.length, (n) => n >= 2);
      assert.match(watching.retries.join("\n"), /^No answer within 500 ms/m);
      const took = performance.now() - frozen;
      const attempts = watching.retries.length;
      assert.ok(attempts < 2 + took / 100, `${attempts} while frozen`);
    } finally {
      etcd.members[0]?.thaw();
    }
    await direct.store.put("a", "1", null);
    assert.equal(await watching.next(), "put a=1");
  },
  "survives a restart, and does not spin meanwhile": async (etcd, kind) => {
    using opened = open(etcd.endpoints, kind);
    const { cursor } = await opened.store.readLeases();
    await using watching = new Watching(opened.store, cursor);
    await sleep(50);
    const before = performance.now();
    await etcd.members[0]?.kill();
    await eventually(() => watching.retries.length, (n) => n >= 4);
    const took = performance.now() - before;
    const least = leastMs(watching.retries.length);
    assert.ok(took >= least, `${watching.retries.length} in ${took} ms`);
    await etcd.members[0]?.start();
    await opened.store.put("a", "1", null);
    assert.equal(await watching.next(), "put a=1");
  },
};

Deno.test({
  name: "watch()",
  ...needs({ programs: ["etcd"] }),
  fn: async (t) => {
    // Side by side, for they mostly wait; what a step leaves open shows in
    // the whole test.
    const run = (kind: Kind, etcd: EtcdCluster, [name, fn]: [string, Case]) =>
      t.step({
        name: `${kind} ${name}`,
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
        fn: () => fn(etcd, kind),
      });
    await Promise.all(KINDS.map(async (kind) => {
      await using etcd = await startEtcd();
      const calm = Object.entries(CALM);
      await Promise.all(calm.map((one) => run(kind, etcd, one)));
      for (const one of Object.entries(ROUGH)) await run(kind, etcd, one);
    }));
  },
});

Deno.test({
  name: "watch() of etcd-v3 lists again after compaction",
  ...needs({ programs: ["etcd"] }),
  fn: async () => {
    await using etcd = await startEtcd();
    using opened = open(etcd.endpoints, "etcd-v3");
    const { store } = opened;
    await store.put("gone", "1", null);
    const { cursor } = await store.readLeases();
    await store.delete("gone");
    await store.put("a", "1", null);
    const { cursor: now } = await store.readLeases();
    const response = await fetch(`${etcd.endpoints[0]}/v3/kv/compaction`, {
      method: "POST",
      body: JSON.stringify({ revision: now, physical: true }),
    });
    await response.body?.cancel();
    await using watching = new Watching(store, cursor);
    assert.equal(await watching.next(), "reset a=1");
    await store.put("b", "2", null);
    assert.equal(await watching.next(), "put b=2");
    assert.deepEqual(watching.retries, []);
  },
});

Deno.test({
  name: "watch() of etcd-v2 lists again when its index was cleared",
  ...needs({ programs: ["etcd"] }),
  fn: async () => {
    await using etcd = await startEtcd();
    using opened = open(etcd.endpoints, "etcd-v2");
    const { store } = opened;
    await store.put("gone", "1", null);
    const { cursor } = await store.readLeases();
    await store.delete("gone");
    const numbers = Array.from({ length: 1_100 }, (_, i) => `${i}`).values();
    const worker = async () => {
      for (const i of numbers) await store.put("a", i, null);
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    await store.put("a", "last", null);
    await using watching = new Watching(store, cursor);
    assert.equal(await watching.next(), "reset a=last");
    await store.put("b", "2", null);
    assert.equal(await watching.next(), "put b=2");
    assert.deepEqual(watching.retries, []);
  },
});

Deno.test({
  name: "watch() of etcd-v2 keeps up with the index while others write",
  ...needs({ programs: ["etcd"] }),
  fn: async () => {
    await using etcd = await startEtcd();
    const prefix = `/test/${++prefixes}`;
    using busy = open(etcd.endpoints, "etcd-v2");
    const store = createStore("etcd-v2", {
      endpoints: etcd.endpoints,
      prefix,
      pingMs: 20, // a poll lasts twelve of these
    });
    try {
      const { cursor } = await store.readLeases();
      await using watching = new Watching(store, cursor);
      for (let round = 0; round < 3; round++) {
        const numbers = Array.from({ length: 450 }, (_, i) => `${i}`).values();
        const worker = async () => {
          for (const i of numbers) await busy.store.put("x", i, null);
        };
        await Promise.all(Array.from({ length: 16 }, worker));
        await sleep(500);
      }
      await store.put("a", "1", null);
      // 1,350 events later: a cursor left behind would give a reset here.
      assert.equal(await watching.next(), "put a=1");
      assert.deepEqual(watching.retries, []);
    } finally {
      store.close();
    }
  },
});

Deno.test({
  name: "watch() of etcd-v2 lists again when its directory is deleted",
  ...needs({ programs: ["etcd"] }),
  fn: async () => {
    await using etcd = await startEtcd();
    const prefix = `/test/${++prefixes}`;
    using opened = open(etcd.endpoints, "etcd-v2", prefix);
    await opened.store.put("a", "1", null);
    const { cursor } = await opened.store.readLeases();
    await using watching = new Watching(opened.store, cursor);
    const url = `${etcd.endpoints[0]}/v2/keys${prefix}?recursive=true`;
    const response = await fetch(url, { method: "DELETE" });
    await response.body?.cancel();
    assert.equal(await watching.next(), "reset ");
    await opened.store.put("b", "2", null);
    assert.equal(await watching.next(), "put b=2");
  },
});

for (const kind of KINDS) {
  Deno.test({
    name: `watch() of ${kind} lists again when the cluster was made anew`,
    ...needs({ programs: ["etcd"] }),
    fn: async () => {
      await using etcd = await startEtcd();
      await using fresh = await startEtcd();
      await using proxy = startTcpProxy(portOf(etcd));
      using opened = open([`http://127.0.0.1:${proxy.port}`], kind, "/p");
      using direct = open(fresh.endpoints, kind, "/p");
      for (let i = 0; i < 20; i++) await opened.store.put("a", `${i}`, null);
      const { cursor } = await opened.store.readLeases();
      await using watching = new Watching(opened.store, cursor);
      await direct.store.put("b", "1", null);
      proxy.forwardTo(portOf(fresh));
      proxy.cut();
      assert.equal(await watching.next(), "reset b=1");
      await direct.store.put("c", "2", null);
      assert.equal(await watching.next(), "put c=2");
    },
  });
}

function portOf(etcd: EtcdCluster): number {
  return Number(new URL(etcd.endpoints[0] ?? "").port);
}
