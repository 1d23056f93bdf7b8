import assert from "node:assert/strict";
import { hex, toHex } from "../../tests/support/hex.ts";
import { MessageBuilder } from "./message_builder.ts";

Deno.test("MessageBuilder writes headers and padded attributes", () => {
  const builder = new MessageBuilder();
  builder.begin(24, 0x605, 7).u8(2).u8(24).u16(0x0102)
    .attributeU8(1, 0x7f)
    .attributeU16(2, 0x1234)
    .attributeU16be(3, 8472)
    .attributeU32(4, 1500)
    .attributeText(5, "eth0")
    .attribute(6, Uint8Array.of(1, 2, 3, 4, 5, 6))
    .end();
  assert.equal(
    toHex(builder.bytes()),
    toHex(hex(`
      4c000000 1800 0506 07000000 00000000
      02 18 0201
      0500 0100 7f 000000
      0600 0200 3412 0000
      0600 0300 2118 0000
      0800 0400 dc050000
      0900 0500 65746830 00 000000
      0a00 0600 010203040506 0000
    `)),
  );
});

Deno.test("MessageBuilder writes nested attributes with their flag", () => {
  const builder = new MessageBuilder();
  builder.begin(16, 5, 1);
  const outer = builder.nest(18);
  builder.attributeU8(1, 1);
  const inner = builder.nest(2);
  builder.attributeU32(1, 42).endNest(inner).endNest(outer).end();
  assert.equal(
    toHex(builder.bytes().subarray(16)),
    toHex(hex("1800 1280 0500 0100 01000000 0c00 0280 0800 0100 2a000000")),
  );
});

Deno.test("MessageBuilder puts message after message", () => {
  const builder = new MessageBuilder();
  builder.begin(24, 5, 1).end();
  builder.begin(25, 5, 2).u8(9).u8(0).u16(0).end();
  assert.equal(
    toHex(builder.bytes()),
    toHex(hex(`
      10000000 1800 0500 01000000 00000000
      14000000 1900 0500 02000000 00000000 09000000
    `)),
  );
});

Deno.test("MessageBuilder.truncate() takes a half-written message back", () => {
  const builder = new MessageBuilder();
  builder.begin(24, 5, 1).end();
  const mark = builder.length;
  builder.begin(24, 5, 2).attribute(1, Uint8Array.of(255, 255, 255));
  builder.truncate(mark);
  builder.begin(25, 5, 3).attributeU8(1, 1).end();
  assert.equal(
    toHex(builder.bytes().subarray(mark)),
    toHex(hex("18000000 1900 0500 03000000 00000000 0500 0100 01000000")),
  );
});

Deno.test("MessageBuilder grows and leaves no stale bytes in padding", () => {
  const builder = new MessageBuilder();
  builder.begin(24, 5, 1).raw(new Uint8Array(4000).fill(0xff));
  builder.truncate(0);
  builder.begin(24, 5, 1);
  for (let i = 0; i < 2000; i++) builder.attribute(1, Uint8Array.of(7));
  builder.end();
  const bytes = builder.bytes();
  assert.equal(bytes.length, 16 + 2000 * 8);
  for (let at = 16; at < bytes.length; at += 8) {
    assert.equal(toHex(bytes.subarray(at, at + 8)), "05000100 07000000");
  }
});
