import assert from "node:assert/strict";
import { hex } from "../../tests/support/hex.ts";
import { MessageReader } from "./message_reader.ts";

const TWO_MESSAGES = hex(`
  15000000 1800 0200 07000000 39300000  aabbccdd ee 000000  # padded to 24
  10000000 0300 0000 08000000 00000000
`);

Deno.test("MessageReader walks messages over their padding", () => {
  const reader = new MessageReader(TWO_MESSAGES);
  assert.equal(reader.next(), true);
  assert.equal(reader.type, 24);
  assert.equal(reader.flags, 2);
  assert.equal(reader.seq, 7);
  assert.equal(reader.port, 12345);
  assert.equal(reader.bodyLength, 5);
  assert.equal(reader.u8(4), 0xee);
  assert.deepEqual(reader.body(), hex("aabbccddee"));
  assert.equal(reader.next(), true);
  assert.equal(reader.type, 3);
  assert.equal(reader.bodyLength, 0);
  assert.equal(reader.next(), false);
});

Deno.test("MessageReader reads numbers in the host's order", () => {
  const reader = new MessageReader(hex(`
    18000000 1000 0000 00000000 00000000  01020304 ffffffff
  `));
  reader.next();
  assert.equal(reader.u16(0), 0x0201);
  assert.equal(reader.u32(0), 0x04030201);
  assert.equal(reader.u32(4), 0xffffffff);
  assert.equal(reader.i32(4), -1);
});

Deno.test("MessageReader refuses lengths that leave the datagram", async (t) => {
  const cases = {
    "shorter than a header": "0f000000 1000 0000 00000000 00000000",
    "longer than the datagram": "14000000 1000 0000 00000000 00000000",
    "zero": "00000000 1000 0000 00000000 00000000",
    "half a header": "10000000 1000",
  };
  for (const [name, bytes] of Object.entries(cases)) {
    await t.step(name, () => {
      assert.throws(() => new MessageReader(hex(bytes)).next(), RangeError);
    });
  }
});

Deno.test("MessageReader never reads beyond the current message", () => {
  const reader = new MessageReader(TWO_MESSAGES);
  reader.next();
  assert.throws(() => reader.u16(4), RangeError);
  assert.throws(() => reader.u32(2), RangeError);
  assert.throws(() => reader.u8(5), RangeError);
  assert.throws(() => reader.attributes(8), RangeError);
});

function attributesOf(bytes: string) {
  const payload = hex(bytes);
  const message = new Uint8Array(16 + payload.length);
  message.set(payload, 16);
  new DataView(message.buffer).setUint32(0, message.length, true);
  const reader = new MessageReader(message);
  reader.next();
  return reader.attributes(0);
}

Deno.test("AttributeReader reads every kind of payload", () => {
  const attributes = attributesOf(`
    0500 0100 7f 000000          # u8
    0600 0200 2118 0000          # u16
    0800 0300 01000000           # u32
    0900 0400 65746830 00 000000 # "eth0"
    0800 0500 0a050100           # 10.5.1.0
    0a00 0600 0a580a050100 0000  # MAC
    1000 0780 0800 0200 dc050000 0400 0300  # nested, flag bit set
    0400 0800                    # no payload
  `);
  const at = (type: number) => {
    assert.equal(attributes.next(), true);
    assert.equal(attributes.type, type);
  };
  at(1);
  assert.equal(attributes.u8(), 127);
  at(2);
  assert.equal(attributes.u16(), 0x1821);
  assert.equal(attributes.u16be(), 8472);
  at(3);
  assert.equal(attributes.u32(), 1);
  assert.equal(attributes.u32be(), 0x01000000);
  assert.equal(attributes.i32(), 1);
  at(4);
  assert.equal(attributes.text(), "eth0");
  at(5);
  assert.equal(attributes.ip(), "10.5.1.0");
  at(6);
  assert.equal(attributes.mac(), "0a:58:0a:05:01:00");
  at(7);
  const nested = attributes.nested();
  assert.equal(nested.next(), true);
  assert.equal(nested.type, 2);
  assert.equal(nested.u32(), 1500);
  assert.equal(nested.next(), true);
  assert.equal(nested.length, 0);
  assert.equal(nested.next(), false);
  at(8);
  assert.equal(attributes.mac(), null);
  assert.equal(attributes.next(), false);
});

Deno.test("AttributeReader ends at padding shorter than a header", () => {
  const attributes = attributesOf("0500 0100 7f 000000 0000");
  assert.equal(attributes.next(), true);
  assert.equal(attributes.next(), false);
});

Deno.test("AttributeReader takes an unpadded last attribute", () => {
  const attributes = attributesOf("0500 0100 7f");
  assert.equal(attributes.next(), true);
  assert.equal(attributes.u8(), 127);
  assert.equal(attributes.next(), false);
});

Deno.test("AttributeReader refuses lengths that leave the run", async (t) => {
  for (const bytes of ["0300 0100", "0000 0100", "0900 0100 00000000"]) {
    await t.step(bytes, () => {
      assert.throws(() => attributesOf(bytes).next(), RangeError);
    });
  }
});

Deno.test("AttributeReader never reads beyond the payload", () => {
  // The next attribute's bytes must not be taken for this one's.
  const attributes = attributesOf("0600 0100 ffff 0000 0800 0200 ffffffff");
  attributes.next();
  assert.throws(() => attributes.u32(), RangeError);
  assert.throws(() => attributes.u16(1), RangeError);
  assert.throws(() => attributes.ip(), RangeError);
  assert.throws(() => attributes.nested(4), RangeError);
  assert.equal(attributes.text(), "\ufffd\ufffd");
});

Deno.test("MessageReader survives every cut and every flipped byte", () => {
  const walk = (bytes: Uint8Array) => {
    const reader = new MessageReader(bytes);
    while (reader.next()) {
      const attributes = reader.attributes(0);
      while (attributes.next()) attributes.nested().next();
    }
  };
  for (let cut = 0; cut < TWO_MESSAGES.length; cut++) {
    try {
      walk(TWO_MESSAGES.slice(0, cut));
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
  }
  for (let at = 0; at < TWO_MESSAGES.length; at++) {
    for (const value of [0, 1, 0x7f, 0xff]) {
      const bytes = TWO_MESSAGES.slice();
      bytes[at] = value;
      try {
        walk(bytes);
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }
  }
});
