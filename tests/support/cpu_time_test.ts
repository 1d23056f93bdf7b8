import assert from "node:assert/strict";
import { cpuTime } from "./cpu_time.ts";

Deno.test("cpuTime() counts work, not waiting", () => {
  const still = new Int32Array(new SharedArrayBuffer(4));
  const waited = cpuTime(() => void Atomics.wait(still, 0, 0, 300));
  assert.ok(waited < 250, `waiting 300 ms took ${waited} ms of processor time`);
  const worked = cpuTime(() => {
    const end = performance.now() + 100;
    while (performance.now() < end);
  });
  assert.ok(worked > 0, "work took no processor time");
});
