import assert from "node:assert/strict";
import { allocateFixed } from "./fixed_memory.ts";

Deno.test("allocateFixed() tells where its memory is", () => {
  const { buffer, high, low } = allocateFixed(100_000);
  assert.equal(buffer.byteLength, 100_000);
  const address = BigInt(high) << 32n | BigInt(low >>> 0);
  assert.equal(address % 8n, 0n);
  new Uint8Array(buffer)[99_999] = 42;
  const pointer = Deno.UnsafePointer.create(address + 99_999n);
  assert.ok(pointer !== null);
  assert.equal(new Deno.UnsafePointerView(pointer).getUint8(), 42);
});
