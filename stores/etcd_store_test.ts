import assert from "node:assert/strict";
import { eventually } from "../tests/support/agents.ts";
import { type EtcdCluster, startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import { createStore } from "./create_store.ts";
import { TTL_NOT_ASKED } from "./store.ts";

const KINDS = ["etcd-v2", "etcd-v3"] as const;
type Kind = typeof KINDS[number];

let prefixes = 0;

/** A store with a prefix of its own, closed at the end of its scope. */
function open(etcd: EtcdCluster, kind: Kind, prefix?: string) {
  const store = createStore(kind, {
    endpoints: etcd.endpoints,
    prefix: prefix ?? `/test/${++prefixes}`,
  });
  return { store, [Symbol.dispose]: () => store.close() };
}

function close(ttl: number | null | undefined, wanted: number): boolean {
  return typeof ttl === "number" && ttl <= wanted && ttl > wanted - 10;
}

type Case = (etcd: EtcdCluster, kind: Kind) => Promise<void>;

const CASES: Readonly<Record<string, Case>> = {
  "readConfig() is null without key, else the text": async (etcd, kind) => {
    using opened = open(etcd, kind);
    const { store } = opened;
    assert.equal(await store.readConfig(), null);
    const text = '{ "Network": "10.5.0.0/16", "注": "é&=%+ \\n" }\n';
    await store.writeConfig(text);
    assert.equal(await store.readConfig(), text);
  },
  "readConfig() reads 1 MB": async (etcd, kind) => {
    using opened = open(etcd, kind);
    const text = `{"Network":"10.5.0.0/16"${" ".repeat(1_000_000)}}`;
    await opened.store.writeConfig(text);
    assert.equal(await opened.store.readConfig(), text);
  },
  "readLeases() of nothing is empty, with a cursor": async (etcd, kind) => {
    using opened = open(etcd, kind);
    const { leases, cursor } = await opened.store.readLeases();
    assert.deepEqual(leases, []);
    assert.match(cursor, /^[1-9]\d*$/);
  },
  "create() takes a free key, once": async (etcd, kind) => {
    using opened = open(etcd, kind);
    const { store } = opened;
    assert.equal(await store.create("10.5.1.0-24", "a", 100), "created");
    assert.equal(await store.create("10.5.1.0-24", "b", 100), "exists");
    const lease = await store.readLease("10.5.1.0-24");
    assert.equal(lease?.value, "a");
    assert.ok(close(lease?.ttl, 100), `ttl ${lease?.ttl}`);
  },
  "create() is won by one of many": async (etcd, kind) => {
    using opened = open(etcd, kind);
    const results = await Promise.all(
      Array.from(
        { length: 20 },
        (_, i) => opened.store.create("10.5.1.0-24", `host ${i}`, 100),
      ),
    );
    const winners = results.flatMap((result, i) =>
      result === "created" ? [`host ${i}`] : []
    );
    assert.equal(winners.length, 1);
    const lease = await opened.store.readLease("10.5.1.0-24");
    assert.equal(lease?.value, winners[0]);
  },
  "create() without ttl makes a reservation": async (etcd, kind) => {
    using opened = open(etcd, kind);
    await opened.store.create("10.5.1.0-24", "a", null);
    assert.deepEqual(await opened.store.readLease("10.5.1.0-24"), {
      key: "10.5.1.0-24",
      value: "a",
      ttl: null,
    });
  },
  "put() takes over, renews, and keeps a reservation": async (etcd, kind) => {
    using opened = open(etcd, kind);
    const { store } = opened;
    assert.equal(await store.put("10.5.1.0-24", "a", 50), true);
    assert.equal(await store.put("10.5.1.0-24", "b", 500), true);
    const lease = await store.readLease("10.5.1.0-24");
    assert.equal(lease?.value, "b");
    assert.ok(close(lease?.ttl, 500), `ttl ${lease?.ttl}`);
    await store.put("10.5.1.0-24", "b", null);
    assert.equal((await store.readLease("10.5.1.0-24"))?.ttl, null);
  },
  "put() with previousValue writes only over it": async (etcd, kind) => {
    using opened = open(etcd, kind);
    const { store } = opened;
    assert.equal(await store.put("10.5.1.0-24", "b", 50, "a"), false);
    assert.equal(await store.readLease("10.5.1.0-24"), null);
    await store.put("10.5.1.0-24", "a", 50);
    assert.equal(await store.put("10.5.1.0-24", "c", 50, "b"), false);
    assert.equal((await store.readLease("10.5.1.0-24"))?.value, "a");
    assert.equal(await store.put("10.5.1.0-24", "", 50, "a"), true);
    assert.equal(await store.put("10.5.1.0-24", "d", 50, ""), true);
    assert.equal((await store.readLease("10.5.1.0-24"))?.value, "d");
  },
  "delete() answers whether it deleted": async (etcd, kind) => {
    using opened = open(etcd, kind);
    const { store } = opened;
    await store.put("10.5.1.0-24", "a", 50);
    assert.equal(await store.delete("10.5.1.0-24", "b"), false);
    assert.equal(await store.delete("10.5.1.0-24", "a"), true);
    assert.equal(await store.delete("10.5.1.0-24", "a"), false);
    assert.equal(await store.delete("10.5.1.0-24"), false);
    await store.put("10.5.1.0-24", "a", null);
    assert.equal(await store.delete("10.5.1.0-24"), true);
    assert.equal(await store.readLease("10.5.1.0-24"), null);
  },
  "a list tells which key was first, renewed or not": async (etcd, kind) => {
    using opened = open(etcd, kind);
    const { store } = opened;
    await store.create("10.5.2.0-24", "first", 50);
    await store.create("10.5.1.0-24", "second", 50);
    await store.put("10.5.2.0-24", "first", 50, "first");
    const { created } = await store.readLeases();
    const [first, second] = ["10.5.2.0-24", "10.5.1.0-24"]
      .map((key) => created?.get(key) ?? 0);
    assert.ok(0 < first! && first! < second!, `${first}, ${second}`);
  },
  "garbage comes as it is": async (etcd, kind) => {
    using opened = open(etcd, kind);
    const { store } = opened;
    const garbage = [
      ["10.5.300.0-24", "not json"],
      ["10.5.1.0-24&fd00:12:13::-64", "{}"],
      ["?a=b#c%20d e", ""],
      ["嗨", '{"PublicIP":7}'],
      ["..x", "\u0000\uffff"],
    ] as const;
    for (const [key, value] of garbage) await store.put(key, value, null);
    const { leases } = await store.readLeases();
    const read = leases.map(({ key, value }) => [key, value] as const);
    assert.deepEqual(new Map(read), new Map(garbage));
    for (const [key, value] of garbage) {
      assert.equal((await store.readLease(key))?.value, value);
      assert.equal(await store.delete(key, value), true);
    }
  },
  "a key with a slash is refused": async (etcd, kind) => {
    using opened = open(etcd, kind);
    for (const key of ["", "a/b", "/"]) {
      await assert.rejects(opened.store.create(key, "a", null), TypeError);
    }
  },
  "a prefix is cleaned as flannel cleans it": async (etcd, kind) => {
    const prefix = `/test/${++prefixes}`;
    using straight = open(etcd, kind, prefix);
    using crooked = open(etcd, kind, `${prefix}//x/../`);
    await crooked.store.writeConfig("{}");
    assert.equal(await straight.store.readConfig(), "{}");
  },
  "an aborted call ends with the reason": async (etcd, kind) => {
    using opened = open(etcd, kind);
    const reason = new Error("enough");
    await assert.rejects(
      opened.store.readLeases(AbortSignal.abort(reason)),
      reason,
    );
  },
};

for (const kind of KINDS) {
  Deno.test({
    name: `Store of ${kind}`,
    ...needs({ programs: ["etcd"] }),
    fn: async (t) => {
      await using etcd = await startEtcd();
      for (const [name, fn] of Object.entries(CASES)) {
        await t.step(name, () => fn(etcd, kind));
      }
    },
  });
}

Deno.test({
  name: "EtcdV3Store does what only etcd v3 needs",
  ...needs({ programs: ["etcd"] }),
  fn: async (t) => {
    await using etcd = await startEtcd();

    await t.step("readLeases() leaves strangers out", async () => {
      using opened = open(etcd, "etcd-v3", "/p");
      await opened.store.put("10.5.1.0-24", "ours", null);
      // The string prefix "/p/subnets", which flannel lists, has all of them.
      for (
        const key of [
          "/p/subnetsX/10.5.2.0-24",
          "/p/subnets0",
          "/p/subnets",
          "/p/subnets/10.5.3.0-24/below",
          "/p/subnets/",
        ]
      ) await rawPut(etcd, key, "stranger");
      const { leases } = await opened.store.readLeases();
      assert.deepEqual(leases.map(({ key }) => key), ["10.5.1.0-24"]);
    });

    await t.step("a prefix without slash is another one", async () => {
      using opened = open(etcd, "etcd-v3", "coreos.com/network");
      using other = open(etcd, "etcd-v3", "/coreos.com/network");
      await opened.store.writeConfig("a");
      assert.equal(await other.store.readConfig(), null);
      assert.equal(await opened.store.readConfig(), "a");
    });

    await t.step("readLeases() reads all pages", async () => {
      using opened = open(etcd, "etcd-v3", "/pages");
      await fill(etcd, "/pages/subnets", 4_200);
      const { leases } = await opened.store.readLeases();
      assert.equal(leases.length, 4_200);
      assert.equal(new Set(leases.map(({ key }) => key)).size, 4_200);
      assert.equal(leases[0]?.ttl, null);
    });

    await t.step("readLeases() asks the oldest TTLs first", async () => {
      using opened = open(etcd, "etcd-v3", "/limited");
      const { store } = opened;
      await store.put("10.5.3.0-24", "", 300);
      await store.put("10.5.1.0-24", "", 300);
      await store.put("10.5.2.0-24", "", null);
      await store.put("10.5.4.0-24", "", 300);
      const { leases } = await store.readLeases(undefined, { ttlLimit: 2 });
      const ttls = leases.map(({ ttl }) => ttl === null ? ttl : Math.sign(ttl));
      assert.deepEqual(ttls, [1, null, 1, -1]);
    });

    await t.step("a lease that ended meanwhile has 0 seconds", async () => {
      using opened = open(etcd, "etcd-v3", "/ended");
      await opened.store.put("10.5.1.0-24", "a", 1);
      await eventually(
        () => opened.store.readLease("10.5.1.0-24"),
        (found) => {
          if (found === null) return true;
          assert.ok(found.ttl === 0 || found.ttl === 1, `ttl ${found.ttl}`);
          return false;
        },
      );
    });

    await t.step(
      "a renewal leaves no lease behind, save one in use",
      async () => {
        using opened = open(etcd, "etcd-v3", "/idle");
        const { store } = opened;
        const before = await countLeases(etcd);
        await store.create("10.5.60.0-24", "a", 500);
        for (const value of ["b", "c", "d"]) {
          const was = (await store.readLease("10.5.60.0-24"))!.value;
          assert.ok(await store.put("10.5.60.0-24", value, 500, was));
        }
        await store.tidy();
        assert.equal(await countLeases(etcd), before + 1);
        // An administrator hung another key on our lease.
        const id = await leaseOf(etcd, "/idle/subnets/10.5.60.0-24");
        await gateway(etcd, "kv/put", {
          key: btoa("/other"),
          value: btoa("x"),
          lease: id,
        });
        assert.ok(await store.put("10.5.60.0-24", "e", 500, "d"));
        await store.tidy();
        assert.equal(await countLeases(etcd), before + 2);
        assert.ok(await store.delete("10.5.60.0-24", "e"));
        assert.equal(await countLeases(etcd), before + 1);
        assert.ok(await leaseOf(etcd, "/other"));
      },
    );

    await t.step("a lost race leaves no lease behind", async () => {
      using opened = open(etcd, "etcd-v3", "/race");
      const before = await countLeases(etcd);
      assert.equal(await opened.store.create("a", "1", 500), "created");
      assert.equal(await opened.store.create("a", "2", 500), "exists");
      assert.equal(await opened.store.put("a", "3", 500, "2"), false);
      assert.equal(await countLeases(etcd), before + 1);
    });

    await t.step("readLater() reads what came after a list", async () => {
      using opened = open(etcd, "etcd-v3", "/later");
      const { store } = opened;
      await store.create("10.5.1.0-24", "a", 500);
      await store.create("10.5.2.0-24", "b", null);
      const list = await store.readLeases();
      assert.deepEqual((await store.readLater(list))?.leases, []);
      await store.create("10.5.3.0-24", "c", 500);
      await store.put("10.5.2.0-24", "d", null);
      // Of another directory; of a deeper one, which is counted.
      await gateway(etcd, "kv/put", { key: btoa("/laterX"), value: "" });
      const deep = btoa("/later/subnets/x/y");
      await gateway(etcd, "kv/put", { key: deep, value: "" });
      const later = await store.readLater(list);
      assert.deepEqual(later?.leases, [
        { key: "10.5.2.0-24", value: "d", ttl: null },
        { key: "10.5.3.0-24", value: "c", ttl: TTL_NOT_ASKED },
      ]);
      const now = await store.readLeases();
      assert.equal(later?.cursor, now.cursor);
      // A watch from there on sees the next write first.
      const abort = new AbortController();
      const watch = store.watch(later!.cursor, abort.signal);
      await store.put("10.5.1.0-24", "e", 500);
      for await (const event of watch) {
        assert.ok(event.type === "put" && event.record.value === "e");
        break;
      }
      abort.abort();
      for (const again of [false, true]) {
        await store.delete("10.5.3.0-24");
        if (again) await store.create("10.5.3.0-24", "f", 500);
        assert.equal(await store.readLater(now), null);
      }
    });

    await t.step("bytes that are no UTF-8 are read", async () => {
      using opened = open(etcd, "etcd-v3", "/bytes");
      await gateway(etcd, "kv/put", {
        key: "L2J5dGVzL3N1Ym5ldHMv/4A=", // /bytes/subnets/ff80
        value: "gP8=",
      });
      const { leases } = await opened.store.readLeases();
      assert.deepEqual(leases, [
        { key: "\ufffd\ufffd", value: "\ufffd\ufffd", ttl: null },
      ]);
    });
  },
});

Deno.test({
  name: "EtcdV2Store does what only etcd v2 needs",
  ...needs({ programs: ["etcd"] }),
  fn: async (t) => {
    await using etcd = await startEtcd();
    const base = `${etcd.endpoints[0]}/v2/keys`;

    await t.step("readLeases() leaves directories out", async () => {
      using opened = open(etcd, "etcd-v2", "/p");
      await opened.store.put("10.5.1.0-24", "ours", null);
      await v2Put(`${base}/p/subnets/directory/10.5.2.0-24`, "value=below");
      await v2Put(`${base}/p/subnetsX/10.5.3.0-24`, "value=beside");
      const { leases } = await opened.store.readLeases();
      assert.deepEqual(leases.map(({ key }) => key), ["10.5.1.0-24"]);
      assert.equal(await opened.store.readLease("directory"), null);
    });

    await t.step("readLeases() takes a key for no directory", async () => {
      using opened = open(etcd, "etcd-v2", "/file");
      await v2Put(`${base}/file/subnets`, "value=x");
      const { leases } = await opened.store.readLeases();
      assert.deepEqual(leases, []);
    });

    await t.step("a prefix without slash gets one", async () => {
      using opened = open(etcd, "etcd-v2", "coreos.com/network");
      using other = open(etcd, "etcd-v2", "/coreos.com/network");
      await opened.store.writeConfig("a");
      assert.equal(await other.store.readConfig(), "a");
    });

    await t.step("what v3 holds is not seen, and the reverse", async () => {
      using v2 = open(etcd, "etcd-v2", "/both");
      using v3 = open(etcd, "etcd-v3", "/both");
      await v3.store.writeConfig("v3");
      assert.equal(await v2.store.readConfig(), null);
      await v2.store.writeConfig("v2");
      assert.equal(await v3.store.readConfig(), "v3");
    });
  },
});

async function gateway(
  etcd: EtcdCluster,
  method: string,
  message: unknown,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${etcd.endpoints[0]}/v3/${method}`, {
    method: "POST",
    body: JSON.stringify(message),
  });
  assert.equal(response.status, 200);
  return await response.json();
}

async function rawPut(
  etcd: EtcdCluster,
  key: string,
  value: string,
): Promise<void> {
  await gateway(etcd, "kv/put", { key: btoa(key), value: btoa(value) });
}

async function countLeases(etcd: EtcdCluster): Promise<number> {
  const { leases } = await gateway(etcd, "lease/leases", {});
  return Array.isArray(leases) ? leases.length : 0;
}

/** The lease a key hangs on, or undefined. */
async function leaseOf(etcd: EtcdCluster, key: string): Promise<unknown> {
  const { kvs } = await gateway(etcd, "kv/range", { key: btoa(key) });
  return Array.isArray(kvs) ? kvs[0]?.lease : undefined;
}

async function v2Put(url: string, body: string): Promise<void> {
  const response = await fetch(url, {
    method: "PUT",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body,
  });
  await response.body?.cancel();
  assert.equal(response.status, 201);
}

/** Writes so many keys, a hundred in a transaction. */
async function fill(
  etcd: EtcdCluster,
  directory: string,
  count: number,
): Promise<void> {
  for (let start = 0; start < count; start += 100) {
    const success = Array.from({ length: 100 }, (_, i) => ({
      request_put: { key: btoa(`${directory}/${start + i}`), value: "" },
    }));
    await gateway(etcd, "kv/txn", { success });
  }
}
