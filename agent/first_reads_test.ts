import assert from "node:assert/strict";
import { MemoryStore } from "../tests/support/memory_store.ts";
import { FirstLeases } from "./first_reads.ts";

const NEVER = new AbortController().signal;

Deno.test("FirstLeases gives the list it asked for, once", async () => {
  const store = new MemoryStore();
  await store.create("10.5.1.0-24", "a", 50);
  const first = new FirstLeases(store, NEVER);
  const list = await first.take();
  assert.deepEqual(list?.leases.map(({ key }) => key), ["10.5.1.0-24"]);
  assert.equal(await first.take(), null);
});

Deno.test("FirstLeases gives nothing when the store did not answer", async () => {
  const store = new MemoryStore();
  store.readLeases = () => Promise.reject(new Error("away"));
  const first = new FirstLeases(store, NEVER);
  assert.equal(await first.take(), null);
});

Deno.test("FirstLeases gives no list that is old", async () => {
  const now = performance.now;
  try {
    const first = new FirstLeases(new MemoryStore(), NEVER);
    performance.now = () => now.call(performance) + 3_000;
    assert.equal(await first.take(), null);
  } finally {
    performance.now = now;
  }
});
