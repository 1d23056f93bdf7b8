import assert from "node:assert/strict";
import { Backoff, pause } from "./backoff.ts";

Deno.test("Backoff doubles from 100 ms to 5 s, with jitter", () => {
  const backoff = new Backoff();
  const steps = [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000];
  for (const step of steps) {
    const wait = backoff.next();
    assert.ok(wait >= step / 2 && wait <= step, `${wait} of ${step}`);
  }
  backoff.reset();
  assert.ok(backoff.next() <= 100);
});

Deno.test("pause() ends with its signal", async () => {
  const abort = new AbortController();
  const started = performance.now();
  setTimeout(() => abort.abort(), 10);
  await pause(600_000, abort.signal);
  await pause(600_000, abort.signal);
  assert.ok(performance.now() - started < 300_000);
});

Deno.test("pause() waits its time", async () => {
  const started = performance.now();
  await pause(30, new AbortController().signal);
  assert.ok(performance.now() - started >= 25);
});
