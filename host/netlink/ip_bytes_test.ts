import assert from "node:assert/strict";
import { ipBytes, prefixBytes } from "./ip_bytes.ts";

Deno.test("ipBytes() gives bytes in network order", () => {
  assert.deepEqual([...ipBytes("10.5.1.255")], [10, 5, 1, 255]);
  assert.deepEqual(
    [...ipBytes("2001:db8::1:ff")],
    [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xff],
  );
  assert.deepEqual([...ipBytes("::1.2.3.4").subarray(12)], [1, 2, 3, 4]);
});

const INVALID = [
  "",
  ".",
  "10.5.1",
  "10.5.1.",
  ".10.5.1",
  "10..5.1",
  "10.5.1.256",
  "10.5.1.1.1",
  "10.5.01.1",
  "10.5.1.x",
  "10.5.1.1/24",
  " 10.5.1.1",
  "1e1.0.0.1",
  ":",
  ":::",
  "1::2::3",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:7::8",
  "12345::",
  "g::",
  "fe80::1%eth0",
  "::1.2.3",
  "1.2.3.4::",
  "1.2.3.4:5::",
  "::1.2.3.4:5",
];

Deno.test("ipBytes() rejects what is not an address", async (t) => {
  for (const text of INVALID) {
    await t.step(JSON.stringify(text), () => {
      assert.throws(() => ipBytes(text), SyntaxError);
    });
  }
});

Deno.test("prefixBytes() reads CIDRs and host prefixes", () => {
  assert.equal(prefixBytes("10.5.1.0/24").length, 24);
  assert.equal(prefixBytes("0.0.0.0/0").length, 0);
  assert.equal(prefixBytes("10.5.1.1").length, 32);
  assert.equal(prefixBytes("fd00::/64").length, 64);
  assert.equal(prefixBytes("fd00::1").length, 128);
  assert.deepEqual([...prefixBytes("10.5.1.0/24").address], [10, 5, 1, 0]);
});

Deno.test("prefixBytes() rejects lengths out of range", async (t) => {
  for (
    const text of [
      "10.0.0.0/33",
      "fd00::/129",
      "10.0.0.0/",
      "10.0.0.0/-1",
      "10.0.0.0/1e1",
      "10.0.0.0/24/8",
    ]
  ) {
    await t.step(text, () => {
      assert.throws(() => prefixBytes(text), SyntaxError);
    });
  }
});
