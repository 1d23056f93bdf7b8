import assert from "node:assert/strict";
import { COUNTER, newCounters, readCounters } from "./counters.ts";

Deno.test("readCounters() reads every figure from its own place", () => {
  const memory = newCounters();
  assert.equal(memory.length, Object.keys(COUNTER).length);
  for (const place of Object.values(COUNTER)) memory[place] = place + 1;
  assert.deepEqual(readCounters(memory), {
    sent: { packets: 1, octets: 2, calls: 3 },
    received: { packets: 4, octets: 5, calls: 6 },
    dropped: { noPeer: 7, ttl: 8, malformed: 9, send: 10, write: 11 },
    unreachables: 12,
  });
});

Deno.test("newCounters() is memory that threads share, all 0", () => {
  const memory = newCounters();
  assert.ok(memory.buffer instanceof SharedArrayBuffer);
  assert.ok(memory.every((figure) => figure === 0));
});
