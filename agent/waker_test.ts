import assert from "node:assert/strict";
import { Waker } from "./waker.ts";

Deno.test("Waker.wait() ends when woken, in time, or on abort", async (t) => {
  const stop = new AbortController();
  const { signal } = stop;
  const waker = new Waker();
  await t.step("woken while waiting", async () => {
    setTimeout(() => waker.wake(), 1);
    assert.equal(await waker.wait(60_000, signal), true);
  });
  await t.step("woken before", async () => {
    waker.wake();
    waker.wake();
    assert.equal(await waker.wait(60_000, signal), true);
    assert.equal(await waker.wait(1, signal), false, "told once");
  });
  await t.step("in time", async () => {
    assert.equal(await waker.wait(1, signal), false);
  });
  await t.step("aborted", async () => {
    setTimeout(() => stop.abort(), 1);
    assert.equal(await waker.wait(60_000, signal), false);
    assert.equal(await waker.wait(60_000, signal), false);
  });
});
