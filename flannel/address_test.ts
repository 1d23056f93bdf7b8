import assert from "node:assert/strict";
import { IPv4, IPv6 } from "ip-num";
import {
  canonicalAddress,
  familyOf,
  formatIpv4,
  formatIpv6,
  parseIpv4,
  parseIpv6,
} from "./address.ts";

/** Numbers that look random and are the same in every run. */
function* numbers(count: number): Generator<number> {
  let state = 0x2545f491;
  for (let i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 0;
  }
}

Deno.test("parseIpv4() takes what Go's net.ParseIP takes", async (t) => {
  const good: [string, number][] = [
    ["0.0.0.0", 0],
    ["10.5.1.0", 0x0a050100],
    ["255.255.255.255", 0xffffffff],
  ];
  for (const [text, value] of good) {
    await t.step(text, () => assert.equal(parseIpv4(text), value));
  }
  const bad = [
    "",
    "10.5.300.0",
    "010.0.0.1",
    "10.0.0.01",
    "10.0.0.00",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.",
    ".1.2.3",
    "1..2.3",
    " 1.2.3.4",
    "1.2.3.4 ",
    "+1.2.3.4",
    "1.2.3.4e0",
    "0x1.2.3.4",
    "1.2.3.4/24",
    "::1",
    "1.2.3.٤",
  ];
  for (const text of bad) {
    await t.step(`not ${text}`, () => assert.equal(parseIpv4(text), null));
  }
});

Deno.test("parseIpv6() takes RFC 4291 text and no zone", async (t) => {
  const good: [string, string][] = [
    ["::", "::"],
    ["::1", "::1"],
    ["FD00:12:13::", "fd00:12:13::"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:0:2:3:0:0:4", "1::2:3:0:0:4"],
    ["0:0:1::", "0:0:1::"],
    ["::ffff:1.2.3.4", "::ffff:1.2.3.4"],
    ["64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
    ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ];
  for (const [text, canonical] of good) {
    await t.step(text, () => {
      assert.equal(formatIpv6(parseIpv6(text)!), canonical);
    });
  }
  const bad = [
    "",
    ":",
    ":::",
    "1::2::3",
    "fe80::1%eth0",
    "00001::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    ":1::",
    "1::2:",
    "1.2.3.4::",
    "::1.2.3",
    "::g",
    "1:2:3:4:5:6:7:1.2.3.4",
    "10.0.0.1",
  ];
  for (const text of bad) {
    await t.step(`not ${text}`, () => assert.equal(parseIpv6(text), null));
  }
});

Deno.test("addresses agree with ip-num and survive printing", () => {
  const words = [...numbers(4000)];
  for (let i = 0; i + 4 <= words.length; i += 4) {
    const v4 = words[i]!;
    const dotted = formatIpv4(v4);
    assert.equal(parseIpv4(dotted), v4);
    assert.equal(dotted, new IPv4(BigInt(v4)).toString());
    // Zero words make runs for `::`.
    const six = words.slice(i, i + 4)
      .map((w) => (w % 3 === 0 ? 0n : BigInt(w & 0xff00ffff)))
      .reduce((all, w) => (all << 32n) | (w & 0xffffffffn), 0n);
    const text = formatIpv6(six);
    assert.equal(parseIpv6(text), six, text);
    assert.equal(IPv6.fromString(text).getValue(), six, text);
  }
});

Deno.test("canonicalAddress() and familyOf() tell the families apart", () => {
  assert.equal(canonicalAddress("FD00:0::1"), "fd00::1");
  assert.equal(canonicalAddress("10.0.0.1"), "10.0.0.1");
  assert.equal(canonicalAddress("eth0"), null);
  assert.equal(familyOf("10.0.0.1"), 4);
  assert.equal(familyOf("fd00::1"), 6);
  assert.equal(familyOf("fd00"), null);
});
