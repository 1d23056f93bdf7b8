import assert from "node:assert/strict";
import { hex } from "../../tests/support/hex.ts";
import { readAnswer } from "./error_message.ts";
import { MessageReader } from "./message_reader.ts";

function answerOf(bytes: string) {
  const reader = new MessageReader(hex(bytes));
  reader.next();
  return readAnswer(reader);
}

Deno.test("readAnswer() reads an acknowledgement", () => {
  assert.deepEqual(
    answerOf(`
      24000000 0200 0001 07000000 00000000  00000000
      24000000 1800 0506 07000000 00000000
    `),
    { errno: 0, detail: null },
  );
});

Deno.test("readAnswer() reads the extended acknowledgement of a capped error", () => {
  assert.deepEqual(
    answerOf(`
      30000000 0200 0003 07000000 00000000  9bffffff  # -101, capped, TLVs
      24000000 1800 0506 07000000 00000000
      0a00 0100 6e6f2067 7700 0000  # "no gw"
    `),
    { errno: 101, detail: "no gw" },
  );
});

Deno.test("readAnswer() skips the request that an uncapped error repeats", () => {
  assert.deepEqual(
    answerOf(`
      38000000 0200 0002 07000000 00000000  efffffff  # -17, TLVs
      17000000 1800 0506 07000000 00000000 aabbccddeeff1100  # 23 bytes, padded
      0800 0200 10000000   # offset
      0400 0100            # empty text
    `),
    { errno: 17, detail: "" },
  );
});

Deno.test("readAnswer() reads a DONE with an error and its detail", () => {
  assert.deepEqual(
    answerOf(`
      1c000000 0300 0202 07000000 00000000  eaffffff
      0800 0100 62616400
    `),
    { errno: 22, detail: "bad" },
  );
});

Deno.test("readAnswer() takes a bare DONE for success", () => {
  assert.deepEqual(
    answerOf("10000000 0300 0200 07000000 00000000"),
    { errno: 0, detail: null },
  );
});

Deno.test("readAnswer() refuses an extended acknowledgement cut off", () => {
  assert.throws(() =>
    answerOf(`
      24000000 0200 0002 07000000 00000000  efffffff
      ff000000 1800 0506 07000000 00000000
    `), RangeError);
});
