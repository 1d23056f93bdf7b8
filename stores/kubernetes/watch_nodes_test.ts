import assert from "node:assert/strict";
import { eventually } from "../../tests/support/agents.ts";
import { FakeKubeApi } from "../../tests/support/kube_api.ts";
import { KubernetesClient } from "./client.ts";
import { listNodes } from "./list_nodes.ts";
import { watchNodes, type WatchNodesOptions } from "./watch_nodes.ts";

function clientOf(api: FakeKubeApi): KubernetesClient {
  return new KubernetesClient({
    access: {
      server: api.url,
      source: "test",
      ca: null,
      cert: null,
      key: null,
      token: null,
      tokenFile: null,
    },
    timeoutMs: 20_000,
  });
}

/** A watch that notes what it is told. */
class Watch implements AsyncDisposable {
  readonly seen: string[] = [];
  readonly retries: string[] = [];
  readonly client: KubernetesClient;
  #opened = 0;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(
    readonly api: FakeKubeApi,
    from: string,
    options: Partial<WatchNodesOptions> = {},
  ) {
    this.client = clientOf(api);
    this.#done = this.#run(from, options);
  }

  async #run(from: string, options: Partial<WatchNodesOptions>) {
    const events = watchNodes(this.client, from, this.#stop.signal, {
      ping: () => Promise.resolve(),
      onOpen: () => this.#opened++,
      onRetry: (error) => this.retries.push(error.message),
      ...options,
    });
    for await (const event of events) {
      this.seen.push(
        event.type === "put"
          ? `put ${event.node.name} ${event.node.podCIDRs}`
          : event.type === "remove"
          ? `remove ${event.name}`
          : `reset ${event.list.nodes.map(({ name }) => name)}`,
      );
    }
  }

  /** Waits until so many connections were opened. */
  async opened(count: number): Promise<void> {
    await eventually(() => this.#opened, (n) => n >= count);
  }

  async sees(...wanted: readonly string[]): Promise<void> {
    await eventually(() => this.seen, (seen) => seen.length >= wanted.length);
    assert.deepEqual(this.seen, wanted);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    this.client.close();
  }
}

async function versionOf(api: FakeKubeApi): Promise<string> {
  const client = clientOf(api);
  try {
    return (await listNodes(client)).resourceVersion;
  } finally {
    client.close();
  }
}

Deno.test("listNodes() reads page by page", async (t) => {
  await using api = new FakeKubeApi();
  for (let n = 0; n < 7; n++) {
    api.addNode(`n${n}`, { podCIDRs: [`10.1.${n}.0/24`] });
  }
  const client = clientOf(api);
  try {
    await t.step("all nodes, once each", async () => {
      const { nodes } = await listNodes(client, { pageSize: 3 });
      assert.deepEqual(
        nodes.map(({ name }) => name),
        ["n0", "n1", "n2", "n3", "n4", "n5", "n6"],
      );
      assert.equal(api.asked("list", "nodes").length, 3);
    });
    await t.step("one node", async () => {
      const { nodes } = await listNodes(client, { name: "n4" });
      assert.deepEqual(nodes.map(({ name }) => name), ["n4"]);
    });
    await t.step("anew when the pages grew too old", async () => {
      api.requests.length = 0;
      const gone = () =>
        Response.json({ kind: "Status", code: 410, message: "too old" }, {
          status: 410,
        });
      api.failures.push(gone(), gone(), gone());
      const { nodes } = await listNodes(client, { pageSize: 3 });
      assert.equal(nodes.length, 7);
      assert.equal(
        api.asked("list", "nodes").at(-1)?.query["limit"],
        undefined,
      );
    });
  } finally {
    client.close();
  }
});

Deno.test("watchNodes() tells what happened since the list", async () => {
  await using api = new FakeKubeApi();
  api.addNode("a", { podCIDRs: ["10.1.1.0/24"] });
  const from = await versionOf(api);
  api.addNode("b", { podCIDRs: ["10.1.2.0/24"] });
  await using watch = new Watch(api, from);
  await watch.sees("put b 10.1.2.0/24");
  api.editNode("a", ({ spec }) => void (spec.podCIDRs = ["10.1.9.0/24"]));
  api.deleteNode("b");
  await watch.sees("put b 10.1.2.0/24", "put a 10.1.9.0/24", "remove b");
  const [request] = api.asked("watch", "nodes");
  assert.equal(request?.query["allowWatchBookmarks"], "true");
  assert.ok(Number(request?.query["timeoutSeconds"]) >= 300);
});

Deno.test("watchNodes() goes on from the last version after an orderly end", async () => {
  await using api = new FakeKubeApi();
  api.addNode("a");
  await using watch = new Watch(api, await versionOf(api));
  await watch.opened(1);
  api.addNode("b");
  await watch.sees("put b ");
  api.closeWatches();
  api.addNode("c");
  await watch.sees("put b ", "put c ");
  assert.deepEqual(watch.retries, []);
  assert.equal(api.asked("list", "nodes").length, 1);
});

Deno.test("watchNodes() goes on from a bookmark after a compaction", async () => {
  await using api = new FakeKubeApi();
  const client = clientOf(api);
  const from = await versionOf(api);
  await using watch = new Watch(api, from, { name: "a" });
  await watch.opened(1);
  // Of another node, so that only the bookmark brings the version.
  api.addNode("other");
  api.bookmark();
  await new Promise((resolve) => setTimeout(resolve, 50));
  api.compact();
  api.closeWatches();
  await watch.opened(2);
  api.addNode("a");
  await watch.sees("put a ");
  client.close();
});

Deno.test("watchNodes() lists anew when its version is gone", async (t) => {
  await t.step("by status 410", async () => {
    await using api = new FakeKubeApi();
    api.addNode("a");
    const from = await versionOf(api);
    api.addNode("b");
    api.compact();
    await using watch = new Watch(api, from);
    await watch.sees("reset a,b");
    await watch.opened(1);
    api.addNode("c");
    await watch.sees("reset a,b", "put c ");
  });
  await t.step("by an ERROR event", async () => {
    await using api = new FakeKubeApi();
    api.addNode("a");
    await using watch = new Watch(api, await versionOf(api));
    await watch.opened(1);
    api.sendRaw({
      type: "ERROR",
      object: { kind: "Status", code: 410, message: "too old" },
    });
    await watch.sees("reset a");
  });
});

Deno.test("watchNodes() survives a line that is cut off", async () => {
  await using api = new FakeKubeApi();
  api.addNode("a");
  await using watch = new Watch(api, await versionOf(api));
  await watch.opened(1);
  api.sendRaw('{"type":"ADDED","obj');
  api.closeWatches();
  await watch.opened(2);
  api.addNode("b");
  await watch.sees("put b ");
  assert.match(watch.retries[0] ?? "", /in the middle of a line/);
});

Deno.test("watchNodes() hangs up on a stream that fell silent", async (t) => {
  await t.step("when a ping fails", async () => {
    await using api = new FakeKubeApi();
    let dead = true;
    await using watch = new Watch(api, await versionOf(api), {
      pingMs: 30,
      ping: () => dead ? Promise.reject(new Error("dead")) : Promise.resolve(),
    });
    await eventually(() => watch.retries, (list) => list.length > 0);
    dead = false;
    assert.match(watch.retries[0] ?? "", /dead/);
    await watch.opened(2);
  });
  await t.step("when nothing came for long, whatever a ping says", async () => {
    await using api = new FakeKubeApi();
    await using watch = new Watch(api, await versionOf(api), {
      pingMs: 20,
      silenceMs: 60,
    });
    await watch.opened(2);
    assert.match(watch.retries[0] ?? "", /gave nothing for/);
  });
});

Deno.test("watchNodes() waits as long as the server asks for", async () => {
  await using api = new FakeKubeApi();
  const from = await versionOf(api);
  api.failing = ["watch"];
  api.failures.push(
    Response.json({ kind: "Status", code: 429, message: "later" }, {
      status: 429,
      headers: { "retry-after": "0.4" },
    }),
  );
  const started = performance.now();
  await using watch = new Watch(api, from);
  await watch.opened(1);
  assert.ok(performance.now() - started >= 390);
  assert.match(watch.retries[0] ?? "", /later/);
});

Deno.test("watchNodes() does not ask in a loop where streams end at once", async () => {
  await using api = new FakeKubeApi();
  await using watch = new Watch(api, await versionOf(api));
  const started = performance.now();
  const closing = setInterval(() => api.closeWatches(), 1);
  const asked = await eventually(
    () => api.asked("watch", "nodes").length,
    (count) => count >= 5,
  );
  clearInterval(closing);
  const took = performance.now() - started;
  assert.ok(took >= 80 * asked, `asked ${asked} times in ${took} ms`);
  assert.deepEqual(watch.seen, []);
});
