import assert from "node:assert/strict";
import { eventually } from "../tests/support/agents.ts";
import { freePorts, startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import { createStore } from "./create_store.ts";
import {
  type EtcdOptions,
  type Store,
  type StoreKind,
  StoreUnavailable,
} from "./store.ts";

const KINDS = ["etcd-v2", "etcd-v3"] as const;

function open(
  kind: Exclude<StoreKind, "kubernetes">,
  endpoints: readonly string[],
  options: Partial<EtcdOptions> = {},
) {
  const store = createStore(kind, {
    endpoints,
    prefix: "/p",
    // Nothing that answers takes so long, however slow the machine.
    timeoutMs: 20_000,
    ...options,
  });
  return { store, [Symbol.dispose]: () => store.close() };
}

/** Something that answers on loopback, and how often it was asked. */
function fake(handler: (request: Request) => Response | Promise<Response>) {
  const asked: string[] = [];
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => {
      asked.push(`${request.method} ${new URL(request.url).pathname}`);
      return handler(request);
    },
  );
  return {
    asked,
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A listener that takes connections and says only `greeting`. */
function mute(greeting = "") {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) {
      open.push(connection);
      await connection.write(new TextEncoder().encode(greeting));
    }
  })();
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting.catch(() => {});
      for (const connection of open) connection.close();
    },
  };
}

async function failure(work: Promise<unknown>): Promise<StoreUnavailable> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof StoreUnavailable, String(error));
    return error;
  }
  assert.fail("it worked");
}

function kinds({ causes }: StoreUnavailable): string[] {
  return causes.map(({ kind }) => kind);
}

Deno.test("Store without any endpoint says so", async () => {
  for (const kind of KINDS) {
    using opened = open(kind, []);
    const { message } = await failure(opened.store.readConfig());
    assert.equal(
      message,
      "Cannot read network config: no etcd endpoint is given",
    );
    assert.deepEqual(await opened.store.health(), []);
    const signal = new AbortController().signal;
    const watch = opened.store.watch("1", signal)[Symbol.asyncIterator]();
    await failure(watch.next());
  }
});

Deno.test("Store names the failure of every endpoint", async () => {
  const [port = 0] = freePorts(1);
  await using silent = mute();
  await using html = fake(() =>
    new Response("<html><title>Welcome</title></html>", {
      headers: { "Content-Type": "text/html" },
    })
  );
  await using json = fake(() => Response.json({ hello: "world" }));
  await using list = fake(() => Response.json([1, 2]));
  await using ssh = mute("SSH-2.0-OpenSSH_9.2\r\n");
  await using gone = fake(() => new Response("no such page", { status: 404 }));
  await using broken = fake(() => new Response("oops", { status: 500 }));
  await using moved = fake(() =>
    new Response(null, { status: 302, headers: { Location: "/elsewhere" } })
  );
  const endpoints = [
    `http://127.0.0.1:${port}`,
    `http://${silent.address}`,
    html.url,
    json.url,
    list.url,
    `http://${ssh.address}`,
    gone.url,
    broken.url,
    moved.url,
    "http://no-such-host.invalid:2379",
    "unix:///run/etcd.sock",
    "http://",
  ];
  const wanted = [
    "refused",
    "timeout",
    "not-etcd",
    "not-etcd",
    "not-etcd",
    "not-etcd",
    "api",
    "http",
    "http",
    "dns",
    "invalid",
    "invalid",
  ];
  for (const kind of KINDS) {
    using opened = open(kind, endpoints, { timeoutMs: 1_500 });
    const error = await failure(opened.store.readLeases());
    assert.deepEqual(kinds(error), wanted);
    for (const { endpoint, error: sentence } of error.causes) {
      assert.ok(error.message.includes(`${endpoint}: ${sentence}`), sentence);
      assert.doesNotMatch(sentence, /error sending request|TypeError|\bat \//);
    }
    const health = await opened.store.health();
    assert.deepEqual(
      health.map(({ reachable }) => reachable).includes(true),
      false,
    );
    const byKind = health.map(({ errorKind }) => errorKind);
    assert.deepEqual(
      byKind,
      wanted.map((kind, i) => i >= 6 && i <= 8 ? "not-etcd" : kind),
    );
  }
});

Deno.test("Store gives up on a body that never ends", async () => {
  await using drip = fake(() =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array([123])),
      }),
    )
  );
  for (const kind of KINDS) {
    using opened = open(kind, [drip.url], { timeoutMs: 300 });
    const started = performance.now();
    const error = await failure(opened.store.readConfig());
    assert.deepEqual(kinds(error), ["timeout"]);
    const took = performance.now() - started;
    assert.ok(took < 30_000, `${took} ms`);
  }
});

Deno.test("Store reads no flood of what is not JSON", async () => {
  const block = new TextEncoder().encode("a".repeat(65_536));
  let sent = 0;
  await using flood = fake(() =>
    new Response(
      new ReadableStream({
        pull: (controller) => {
          sent += block.length;
          controller.enqueue(block);
        },
      }),
    )
  );
  for (const kind of KINDS) {
    sent = 0;
    using opened = open(kind, [flood.url]);
    const error = await failure(opened.store.readConfig());
    assert.deepEqual(kinds(error), ["not-etcd"]);
    assert.match(error.message, /more than 1048576 bytes/);
    // What is on its way in both sockets' buffers counts as sent, too.
    assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes`);
  }
});

Deno.test("Store reads a large answer that is JSON", async () => {
  const value = "x".repeat(3_000_000);
  await using large = fake(() =>
    Response.json({ action: "get", node: { key: "/p/config", value } })
  );
  using opened = open("etcd-v2", [large.url]);
  assert.equal(await opened.store.readConfig(), value);
});

Deno.test("Store never shows the password", async () => {
  const secret = "s3cret";
  const [port = 0] = freePorts(1);
  await using json = fake(() => Response.json({ hello: "world" }));
  for (const kind of KINDS) {
    using opened = open(kind, [
      `http://root:${secret}@127.0.0.1:${port}`,
      `unix://root:${secret}@x`,
      json.url,
    ], { username: "root", password: secret });
    const error = await failure(opened.store.readConfig());
    const said = JSON.stringify([
      error.message,
      error.stack,
      error.causes,
      await opened.store.health(),
    ]);
    assert.ok(!said.includes(secret), said);
  }
});

Deno.test({
  name: "Store goes to the endpoint that answers, and stays there",
  ...needs({ programs: ["etcd"] }),
  fn: async () => {
    await using etcd = await startEtcd();
    await using broken = fake(() => new Response("oops", { status: 503 }));
    const [port = 0] = freePorts(1);
    for (const kind of KINDS) {
      using opened = open(kind, [
        `http://127.0.0.1:${port}`,
        broken.url,
        ...etcd.endpoints,
      ]);
      broken.asked.length = 0;
      await opened.store.writeConfig("{}");
      const once = broken.asked.length;
      assert.ok(once > 0);
      assert.equal(await opened.store.create("a", "1", 50), "created");
      assert.equal(await opened.store.readConfig(), "{}");
      assert.equal(broken.asked.length, once);
      const health = await opened.store.health();
      assert.deepEqual(health.map(({ reachable }) => reachable), [
        false,
        false,
        true,
      ]);
      await opened.store.delete("a");
    }
  },
});

Deno.test({
  name: "create() whose answer got lost is looked up, not sent again",
  ...needs({ programs: ["etcd"] }),
  fn: async (t) => {
    await using etcd = await startEtcd();
    const [real = ""] = etcd.endpoints;
    for (const kind of KINDS) {
      const write = (request: Request) =>
        request.method === "PUT" || request.url.endsWith("/kv/txn");
      const pass = async (request: Request) => {
        const url = new URL(request.url);
        return await fetch(real + url.pathname + url.search, {
          method: request.method,
          headers: request.headers,
          ...(request.method === "GET" || request.method === "DELETE"
            ? {}
            : { body: await request.text() }),
        });
      };
      const lossy = (before: boolean) =>
        fake(async (request) => {
          if (!write(request)) return await pass(request);
          if (!before) await (await pass(request)).body?.cancel();
          return new Response("lost", { status: 502 });
        });

      await t.step(`${kind}: it was done`, async () => {
        await using proxy = lossy(false);
        using opened = open(kind, [proxy.url, real]);
        assert.equal(await opened.store.create("done", "1", 50), "created");
        assert.equal(await opened.store.put("done", "2", 50, "1"), true);
        assert.equal((await direct(kind, real, "done"))?.value, "2");
        const writes = proxy.asked.filter((line) => /^PUT|kv\/txn/.test(line));
        assert.ok(writes.length <= 2, String(writes));
      });

      await t.step(`${kind}: it was not done`, async () => {
        await using proxy = lossy(true);
        using opened = open(kind, [proxy.url, real]);
        const error = await failure(opened.store.create("not", "1", 50));
        assert.deepEqual(kinds(error), ["http"]);
        assert.equal(await direct(kind, real, "not"), null);
      });

      await t.step(`${kind}: someone else has it`, async () => {
        await using proxy = lossy(true);
        using opened = open(kind, [proxy.url, real]);
        using other = open(kind, [real]);
        await other.store.create("theirs", "other", 50);
        await failure(opened.store.create("theirs", "1", 50));
        assert.equal((await direct(kind, real, "theirs"))?.value, "other");
      });
    }
  },
});

async function direct(
  kind: typeof KINDS[number],
  url: string,
  key: string,
): ReturnType<Store["readLease"]> {
  using opened = open(kind, [url]);
  return await opened.store.readLease(key);
}

Deno.test({
  name: "Store says that an API is switched off",
  ...needs({ programs: ["etcd"] }),
  fn: async () => {
    await using etcd = await startEtcd({ v2: false });
    using v2 = open("etcd-v2", etcd.endpoints);
    const error = await failure(v2.store.readConfig());
    assert.deepEqual(kinds(error), ["api"]);
    assert.match(error.message, /no v2 API.*--enable-v2/);
    const [health] = await v2.store.health();
    assert.equal(health?.reachable, true);
    assert.deepEqual([health?.v2, health?.v3], [false, true]);
  },
});

Deno.test("watch() does not spin at a server that ends every stream", async () => {
  await using hasty = fake((request) =>
    request.url.includes("/watch")
      ? new Response(
        '{"result":{"header":{"revision":"5"},"created":true}}\n',
      )
      : new Response("", { headers: { "X-Etcd-Index": "5" } })
  );
  for (const kind of KINDS) {
    using opened = open(kind, [hasty.url]);
    hasty.asked.length = 0;
    const abort = new AbortController();
    const started = performance.now();
    const enough = eventually(() => hasty.asked.length, (n) => n >= 4);
    enough.catch(() => {}).then(() => abort.abort());
    for await (const _ of opened.store.watch("5", abort.signal)) {
      assert.fail("an event of nothing");
    }
    await enough;
    // Three waits, each at least half of 100, 200, 400 ms.
    const took = performance.now() - started;
    assert.ok(took >= 340, `${hasty.asked.length} requests in ${took} ms`);
  }
});

Deno.test("watch() does not spin at a server that always says compacted", async () => {
  await using forgetful = fake((request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname.endsWith("/watch")) {
      return new Response(
        '{"result":{"canceled":true,"compact_revision":"9"}}\n',
      );
    }
    if (pathname.startsWith("/v3")) {
      return Response.json({ header: { revision: "5" } });
    }
    return searchParams.has("wait")
      ? Response.json({ errorCode: 401, message: "cleared" }, { status: 400 })
      : Response.json({ action: "get", node: { dir: true } }, {
        headers: { "X-Etcd-Index": "5" },
      });
  });
  for (const kind of KINDS) {
    using opened = open(kind, [forgetful.url]);
    const signal = new AbortController().signal;
    const started = performance.now();
    let resets = 0;
    for await (const event of opened.store.watch("5", signal)) {
      assert.equal(event.type, "reset");
      if (++resets === 4) break;
    }
    const took = performance.now() - started;
    assert.ok(took >= 340, `${resets} resets in ${took} ms`);
  }
});
