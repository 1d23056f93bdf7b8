import assert from "node:assert/strict";
import { messageOf, testNames } from "../../tests/support/netlink_message.ts";
import {
  addressFlagBits,
  addressScopeNumber,
  decodeAddress,
} from "./decode_address.ts";

const NEWADDR = 20;

Deno.test("decodeAddress() reads an IPv4 address", () => {
  const body = `
    02 18 80 00 02000000
    0800 0100 c0a80009  0800 0200 c0a80009  0800 0400 c0a800ff
    0900 0300 65746830 00 000000
    0800 0800 80000000
  `;
  assert.deepEqual(decodeAddress(messageOf(NEWADDR, body), testNames()), {
    device: "eth0",
    family: 4,
    address: "192.168.0.9",
    prefixLength: 24,
    peer: null,
    scope: "global",
    broadcast: "192.168.0.255",
    label: "eth0",
    flags: [],
  });
});

Deno.test("decodeAddress() tells the peer of a point-to-point link", () => {
  const body = `
    02 20 80 fd 04000000
    0800 0100 0a000002  0800 0200 0a000001
  `;
  const address = decodeAddress(messageOf(NEWADDR, body), testNames());
  assert.equal(address?.address, "10.0.0.1");
  assert.equal(address?.peer, "10.0.0.2");
  assert.equal(address?.scope, "link");
});

Deno.test("decodeAddress() reads an IPv6 address, which has no IFA_LOCAL", () => {
  const body = `
    0a 40 00 c8 02000000
    1400 0100 fd000000 00000000 00000000 00000009
    0800 0800 69020000
  `;
  const address = decodeAddress(messageOf(NEWADDR, body), testNames());
  assert.equal(address?.address, "fd00::9");
  assert.equal(address?.scope, "site");
  assert.deepEqual(address?.flags, [
    "temporary",
    "dadfailed",
    "deprecated",
    "tentative",
    "noprefixroute",
    "dynamic",
  ]);
});

Deno.test("decodeAddress() takes the eight header bits without IFA_FLAGS", () => {
  const body = "02 18 01 07 02000000 0800 0200 c0a80009 0800 0100 c0a80009";
  const address = decodeAddress(messageOf(NEWADDR, body), testNames());
  assert.deepEqual(address?.flags, ["secondary", "dynamic"]);
  assert.equal(address?.scope, "7");
});

Deno.test("decodeAddress() gives null for another family", () => {
  assert.equal(
    decodeAddress(messageOf(NEWADDR, "1c 00 00 00 02000000"), testNames()),
    null,
  );
});

Deno.test("addressFlagBits() gives only bits that can be set", () => {
  assert.equal(addressFlagBits(["nodad", "noprefixroute", "dynamic"]), 0x202);
  assert.equal(addressFlagBits(["secondary"]), 0);
});

Deno.test("addressScopeNumber() takes names and digits", () => {
  assert.equal(addressScopeNumber("global"), 0);
  assert.equal(addressScopeNumber("link"), 253);
  assert.equal(addressScopeNumber("7"), 7);
  assert.throws(() => addressScopeNumber("far"), RangeError);
  assert.throws(() => addressScopeNumber("256"), RangeError);
});
