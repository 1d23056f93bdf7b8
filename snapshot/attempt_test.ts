import assert from "node:assert/strict";
import { StoreUnavailable } from "../stores/store.ts";
import { attempt, reasonOf } from "./attempt.ts";

Deno.test("attempt() gives a known fact of what work gives", async () => {
  assert.deepEqual(await attempt("etcd", 1000, () => 5), { known: 5 });
  assert.deepEqual(
    await attempt("etcd", 1000, () => Promise.resolve("a")),
    { known: "a" },
  );
});

Deno.test("attempt() gives the reason of what work throws", async () => {
  const fact = await attempt("etcd", 1000, () => {
    throw new Error("Cannot read leases: connection refused");
  });
  assert.deepEqual(fact, { unknown: "Cannot read leases: connection refused" });
});

Deno.test("attempt() does not wait longer than told, and tells the work", async () => {
  let aborted = false;
  const start = performance.now();
  const fact = await attempt("etcd", 50, (signal) => {
    signal.addEventListener("abort", () => aborted = true);
    return new Promise<never>(() => {});
  });
  assert.deepEqual(fact, { unknown: "no answer from etcd within 0.05 s" });
  assert.ok(aborted);
  assert.ok(performance.now() - start < 30_000);
});

Deno.test("attempt() survives work that fails after its deadline", async () => {
  const fact = await attempt("etcd", 20, async (signal) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    throw new Error("too late");
  });
  assert.deepEqual(fact, { unknown: "no answer from etcd within 0.02 s" });
});

Deno.test("reasonOf() names every endpoint once", () => {
  const error = new StoreUnavailable(
    "Cannot read config: no endpoint answers",
    [
      { endpoint: "http://a:1", error: "connection refused", kind: "refused" },
      { endpoint: "http://b:1", error: "no answer in time", kind: "timeout" },
    ],
  );
  assert.equal(
    reasonOf(error),
    "Cannot read config: no endpoint answers; http://a:1: connection refused; " +
      "http://b:1: no answer in time",
  );
  assert.equal(
    reasonOf(
      new StoreUnavailable("Cannot read config: connection refused", [
        {
          endpoint: "http://a:1",
          error: "connection refused",
          kind: "refused",
        },
      ]),
    ),
    "Cannot read config: connection refused",
  );
});
