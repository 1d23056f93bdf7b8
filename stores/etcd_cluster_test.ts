import assert from "node:assert/strict";
import { eventually } from "../tests/support/agents.ts";
import { startEtcd } from "../tests/support/etcd.ts";
import { needs } from "../tests/support/needs.ts";
import { createStore } from "./create_store.ts";
import { StoreUnavailable } from "./store.ts";

const KINDS = ["etcd-v2", "etcd-v3"] as const;

Deno.test({
  name: "Store of three members",
  ...needs({ programs: ["etcd"] }),
  fn: async (t) => {
    await using etcd = await startEtcd({ members: 3 });
    const [first, second] = etcd.members;
    assert.ok(first && second);
    const open = (
      kind: typeof KINDS[number],
      endpoints = etcd.endpoints,
      timeoutMs = 1_000,
    ) => {
      const store = createStore(kind, {
        endpoints,
        prefix: "/p",
        timeoutMs,
        pingMs: 200,
      });
      return { store, [Symbol.dispose]: () => store.close() };
    };

    await t.step("health() knows all of one cluster", async () => {
      using opened = open("etcd-v3");
      const health = await opened.store.health();
      assert.equal(new Set(health.map(({ memberId }) => memberId)).size, 3);
      assert.equal(new Set(health.map(({ clusterId }) => clusterId)).size, 1);
      for (const one of health) {
        assert.equal(one.healthy && one.hasLeader && one.v2 && one.v3, true);
        assert.match(one.version ?? "", /^3\.\d+\.\d+$/);
        assert.match(one.memberId ?? "", /^[0-9a-f]{1,16}$/);
        assert.ok((one.latencyMs ?? 0) > 0);
      }
    });

    for (const kind of KINDS) {
      await t.step(`${kind} goes on when one member is killed`, async () => {
        using opened = open(kind);
        using other = open(kind, etcd.endpoints.slice(1));
        const { store } = opened;
        const { cursor } = await store.readLeases();
        const abort = new AbortController();
        const seen: string[] = [];
        const watching = (async () => {
          for await (const event of store.watch(cursor, abort.signal)) {
            if (event.type === "put") seen.push(event.record.key);
          }
        })();
        for (let i = 0; i < 30; i++) {
          if (i === 10) await first.kill();
          if (i === 20) await first.start();
          // Killing the leader leaves none for a moment: try again, as the
          // agent does.
          await patiently(() => store.create(`${kind}-${i}`, "1", 100));
        }
        await patiently(() => other.store.put(`${kind}-last`, "1", 100));
        await until(() => seen.at(-1) === `${kind}-last`);
        abort.abort();
        await watching;
        const wanted = Array.from({ length: 30 }, (_, i) => `${kind}-${i}`);
        assert.deepEqual(seen, [...wanted, `${kind}-last`]);
      });
    }

    await t.step("a frozen member costs one deadline", async () => {
      const deadline = 4_000;
      using opened = open("etcd-v3", etcd.endpoints, deadline);
      await opened.store.readConfig();
      first.freeze();
      try {
        await patiently(() => opened.store.readLeases());
        const started = performance.now();
        await opened.store.readLeases();
        const took = performance.now() - started;
        assert.ok(took < deadline, `${took} ms`);
        const health = await opened.store.health();
        assert.deepEqual(health.map(({ errorKind }) => errorKind), [
          "timeout",
          null,
          null,
        ]);
      } finally {
        first.thaw();
      }
    });

    await t.step("without a majority nothing is answered", async () => {
      await first.kill();
      await second.kill();
      using opened = open("etcd-v3");
      await until(async () => {
        const [, , third] = await opened.store.health();
        return third?.hasLeader === false;
      });
      const health = await opened.store.health();
      assert.deepEqual(
        health.map(({ reachable }) => reachable),
        [false, false, true],
      );
      assert.equal(health[2]?.healthy, false);
      await assert.rejects(
        opened.store.readLeases(),
        (error) =>
          error instanceof StoreUnavailable &&
          /^etcd answers: .*no leader$/.test(error.causes[2]?.error ?? ""),
      );

      using alone = open("etcd-v3", etcd.endpoints.slice(2));
      const abort = new AbortController();
      const troubles: string[] = [];
      const watch = alone.store.watch("1", abort.signal, {
        onRetry: ({ message }) => {
          troubles.push(message);
          abort.abort();
        },
      });
      for await (const _ of watch) assert.fail("an event of nobody");
      assert.match(troubles[0] ?? "", /no leader/);
    });
  },
});

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let i = 0;; i++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || i === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function until(
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  await eventually(condition, (holds) => holds);
}
