import assert from "node:assert/strict";
import { ipBytes } from "./ip_bytes.ts";
import { addressFamilyOf, familyOf, ipText } from "./ip_text.ts";

/** Any spelling of an address, and the canonical one of RFC 5952. */
const CANONICAL = [
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["10.5.1.0", "10.5.1.0"],
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["2001:DB8::A", "2001:db8::a"],
  ["2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"],
  ["2001:db8:0:0:0:1:0:0", "2001:db8::1:0:0"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["fe80::58a0:31ff:fea5:514f", "fe80::58a0:31ff:fea5:514f"],
  ["::ffff:10.0.0.1", "::ffff:10.0.0.1"],
  ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
] as const;

Deno.test("ipText() prints the canonical form of RFC 5952", async (t) => {
  for (const [text, canonical] of CANONICAL) {
    await t.step(text, () => {
      assert.equal(ipText(ipBytes(text)), canonical);
      assert.deepEqual(ipBytes(canonical), ipBytes(text));
    });
  }
});

Deno.test("ipText() reads at an offset", () => {
  const bytes = Uint8Array.of(9, 9, 10, 5, 1, 2, 9);
  assert.equal(ipText(bytes, 2, 4), "10.5.1.2");
});

Deno.test("ipText() refuses lengths that no address has", async (t) => {
  for (const length of [0, 3, 5, 15, 17]) {
    await t.step(String(length), () => {
      assert.throws(() => ipText(new Uint8Array(length)), RangeError);
    });
  }
  await t.step("past the end", () => {
    assert.throws(() => ipText(new Uint8Array(6), 4, 4), RangeError);
  });
});

Deno.test("familyOf() and addressFamilyOf() know AF_INET and AF_INET6", () => {
  assert.equal(familyOf(2), 4);
  assert.equal(familyOf(10), 6);
  assert.equal(familyOf(7), null);
  assert.equal(addressFamilyOf(4), 2);
  assert.equal(addressFamilyOf(6), 10);
});
