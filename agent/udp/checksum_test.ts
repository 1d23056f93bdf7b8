import assert from "node:assert/strict";
import { plainSum } from "../../tests/support/ip_packets.ts";
import { fold, sumWords, swap } from "./checksum.ts";
import { packetMemory } from "./packet_memory.ts";

/** Little-endian, as `sumWords()` counts. */
function plain(bytes: Uint8Array): number {
  return swap(plainSum(bytes));
}

Deno.test("sumWords() is the sum RFC 1071 gives as its example", () => {
  const memory = packetMemory(new ArrayBuffer(8));
  memory.u8.set([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
  assert.equal(swap(sumWords(memory, 0, 8)), 0xddf2);
});

Deno.test("sumWords() agrees with word after word at every start and length", () => {
  const memory = packetMemory(new ArrayBuffer(256));
  crypto.getRandomValues(memory.u8);
  for (let start = 0; start < 40; start++) {
    for (let length = 0; length < 100; length++) {
      assert.equal(
        sumWords(memory, start, length),
        plain(memory.u8.subarray(start, start + length)),
        `start ${start}, length ${length}`,
      );
    }
  }
});

Deno.test("sumWords() does not run over at 64 KiB of ones", () => {
  const memory = packetMemory(new ArrayBuffer(65_540));
  memory.u8.fill(0xff);
  for (const start of [0, 1, 2, 3]) {
    assert.equal(sumWords(memory, start, 65_536), 0xffff);
  }
});

Deno.test("fold() adds the carries of a carry too", () => {
  assert.equal(fold(0x1_ffff), 1);
  assert.equal(fold(0xffff_ffff), 0xffff);
  assert.equal(fold(0), 0);
});
