import assert from "node:assert/strict";
import { macBytes, macText } from "./mac_text.ts";

Deno.test("macText() prints lower case with colons", () => {
  assert.equal(
    macText(Uint8Array.of(0x0a, 0x58, 0x0a, 0x05, 0xff, 0)),
    "0a:58:0a:05:ff:00",
  );
  assert.equal(macText(Uint8Array.of(1, 2, 3, 4), 1, 2), "02:03");
  assert.equal(macText(new Uint8Array()), "");
});

Deno.test("macBytes() reads either case", () => {
  assert.deepEqual([...macBytes("0A:58:0a:05:fF:00")], [10, 88, 10, 5, 255, 0]);
});

Deno.test("macBytes() rejects what is not six octets", async (t) => {
  for (
    const text of [
      "",
      "0a:58:0a:05:ff",
      "0a:58:0a:05:ff:00:11",
      "0a-58-0a-05-ff-00",
      "a:58:0a:05:ff:00",
      "0g:58:0a:05:ff:00",
    ]
  ) {
    await t.step(JSON.stringify(text), () => {
      assert.throws(() => macBytes(text), SyntaxError);
    });
  }
});
