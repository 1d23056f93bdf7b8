import assert from "node:assert/strict";
import { eventually } from "../tests/support/agents.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import { createStore } from "./create_store.ts";
import { StoreUnavailable } from "./store.ts";

Deno.test({
  name: "health() of one member, by v2 and by v3",
  ...needs({ programs: ["etcd"] }),
  fn: async () => {
    await using etcd = await startEtcd();
    for (const kind of ["etcd-v2", "etcd-v3"] as const) {
      const store = createStore(kind, {
        endpoints: etcd.endpoints,
        prefix: "/p",
      });
      const [health] = await store.health();
      store.close();
      assert.ok(health);
      const { version, clusterId, memberId, latencyMs, ...rest } = health;
      assert.match(version ?? "", /^3\./);
      assert.match(clusterId ?? "", /^[0-9a-f]+$/);
      assert.match(memberId ?? "", /^[0-9a-f]+$/);
      assert.ok(latencyMs !== null && latencyMs > 0 && latencyMs < 3_000);
      assert.deepEqual(rest, {
        endpoint: etcd.endpoints[0],
        reachable: true,
        error: null,
        errorKind: null,
        healthy: true,
        hasLeader: true,
        alarms: [],
        v2: true,
        v3: true,
      });
    }
  },
});

Deno.test({
  name: "health() shows NOSPACE, and writes say it",
  ...needs({ programs: ["etcd"] }),
  fn: async () => {
    await using etcd = await startEtcd({
      args: ["--quota-backend-bytes=65536", "--backend-batch-interval=1ms"],
    });
    const store = createStore("etcd-v3", {
      endpoints: etcd.endpoints,
      prefix: "/p",
    });
    try {
      const said = await fillUp((i) =>
        store.put(`${i}`, "x".repeat(9_000), null)
      );
      assert.match(said, /space exceeded/);
      // The alarm goes through raft after the first refusal.
      const [health] = await eventually(
        () => store.health(),
        ([one]) => one?.alarms.length !== 0,
      );
      assert.deepEqual(health?.alarms, ["NOSPACE"]);
      assert.equal(health?.reachable, true);
      assert.equal((await store.readLease("0"))?.value.length, 9_000);
    } finally {
      store.close();
    }
  },
});

async function fillUp(write: (i: number) => Promise<unknown>): Promise<string> {
  for (let i = 0; i < 200; i++) {
    try {
      await write(i);
    } catch (error) {
      assert.ok(error instanceof StoreUnavailable, String(error));
      assert.deepEqual(error.causes.map(({ kind }) => kind), ["http"]);
      return error.message;
    }
  }
  assert.fail("there was room for all");
}

Deno.test("health() reads an etcd 2.3, which has no v3 API", async () => {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => {
      switch (new URL(request.url).pathname) {
        case "/version":
          return Response.json({ etcdserver: "2.3.8", etcdcluster: "2.3.0" });
        case "/health":
          return Response.json({ health: "true" });
        case "/v2/stats/self":
          return Response.json({
            id: "ce2a822cea30bfca",
            state: "StateFollower",
            leaderInfo: { leader: "" },
          });
        default:
          return new Response("404 page not found\n", { status: 404 });
      }
    },
  );
  const endpoint = `http://127.0.0.1:${server.addr.port}`;
  const store = createStore("etcd-v2", { endpoints: [endpoint], prefix: "/p" });
  const [health] = await store.health();
  store.close();
  await server.shutdown();
  assert.deepEqual({ ...health, latencyMs: null }, {
    endpoint,
    reachable: true,
    error: null,
    errorKind: null,
    version: "2.3.8",
    clusterId: null,
    memberId: "ce2a822cea30bfca",
    healthy: true,
    hasLeader: false,
    alarms: [],
    v2: true,
    v3: false,
    latencyMs: null,
  });
});

Deno.test("EtcdV3Store finds the gateway of etcd 3.3 below /v3beta", async () => {
  const asked: string[] = [];
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => {
      const { pathname } = new URL(request.url);
      asked.push(pathname);
      if (pathname === "/v3beta/kv/range") {
        return Response.json({
          header: { revision: "7" },
          kvs: [{ key: "L3A=", value: "e30=" }],
        });
      }
      if (pathname === "/v3beta/watch") {
        return new Response(
          '{"result":{"header":{"revision":"7"},"created":true}}\n' +
            '{"result":{"header":{"revision":"8"},"events":[{"kv":{"key":"L3Avc3VibmV0cy9h","value":"MQ==","mod_revision":"8"}}]}}\n',
        );
      }
      return new Response("404 page not found\n", { status: 404 });
    },
  );
  const store = createStore("etcd-v3", {
    endpoints: [`http://127.0.0.1:${server.addr.port}`],
    prefix: "/p",
  });
  try {
    const signal = new AbortController().signal;
    for await (const event of store.watch("7", signal)) {
      assert.deepEqual(event, {
        type: "put",
        record: { key: "a", value: "1", ttl: null },
        cursor: "8",
      });
      break;
    }
    assert.equal(await store.readConfig(), "{}");
    assert.equal(await store.readConfig(), "{}");
    assert.deepEqual(asked, [
      "/v3/watch",
      "/v3beta/watch",
      "/v3/kv/range",
      "/v3beta/kv/range",
      "/v3beta/kv/range",
    ]);
  } finally {
    store.close();
    await server.shutdown();
  }
});
