import assert from "node:assert/strict";
import { hex, toHex } from "../tests/support/hex.ts";
import { ECHO_SIZE, readEcho, writeEcho } from "./icmp_packet.ts";

const NONCE = "000102030405060708090a0b0c0d0e0f";
const IDENTITY = { id: 0x1234, nonce: hex(NONCE) };

/** A reply to position 70000, whose low 16 bits are 0x1170. */
const REPLY4 = `00 00 0000 1234 1170 ${NONCE} 00011170`;
const IP_HEADER = `45000030 00000000 40010000 0a050101 0a050901`;

Deno.test("writeEcho() writes requests with a right checksum", async (t) => {
  await t.step("IPv4", () => {
    const packet = new Uint8Array(ECHO_SIZE).fill(0xff);
    writeEcho(packet, 4, IDENTITY, 70000);
    const view = new DataView(packet.buffer);
    let sum = 0;
    for (let i = 0; i < ECHO_SIZE; i += 2) sum += view.getUint16(i);
    sum = (sum & 0xffff) + (sum >>> 16);
    assert.equal(sum, 0xffff);
    view.setUint16(2, 0);
    assert.equal(
      toHex(packet),
      toHex(hex(`08 00 0000 1234 1170 ${NONCE} 00011170`)),
    );
  });
  await t.step("IPv6 leaves it to the kernel", () => {
    const packet = new Uint8Array(ECHO_SIZE).fill(0xff);
    writeEcho(packet, 6, IDENTITY, 1);
    assert.equal(
      toHex(packet),
      toHex(hex(`80 00 0000 1234 0001 ${NONCE} 00000001`)),
    );
  });
});

Deno.test("readEcho() tells the position of a reply", () => {
  assert.equal(readEcho(hex(IP_HEADER + REPLY4), 4, IDENTITY), 70000);
  const options = IP_HEADER.replace("45", "46") + "01010101";
  assert.equal(readEcho(hex(options + REPLY4), 4, IDENTITY), 70000);
  const reply6 = REPLY4.replace("00 00", "81 00");
  assert.equal(readEcho(hex(reply6), 6, IDENTITY), 70000);
});

Deno.test("readEcho() gives null for anything else", async (t) => {
  const cases: Record<string, string> = {
    "nothing": "",
    "a header without payload": IP_HEADER,
    "a cut reply": (IP_HEADER + REPLY4).slice(0, -2),
    "our own request": IP_HEADER + REPLY4.replace("00 00", "08 00"),
    "unreachable": IP_HEADER + REPLY4.replace("00 00", "03 01"),
    "a code that is not 0": IP_HEADER + REPLY4.replace("00 00", "00 01"),
    "another identifier": IP_HEADER + REPLY4.replace("1234", "1235"),
    "another nonce": IP_HEADER + REPLY4.replace("0e0f", "0e0e"),
    "a sequence number beside the position": IP_HEADER +
      REPLY4.replace("1234 1170", "1234 1171"),
    "a longer IP header than packet": IP_HEADER.replace("45", "4f") + REPLY4,
  };
  for (const [name, bytes] of Object.entries(cases)) {
    await t.step(name, () => {
      assert.equal(readEcho(hex(bytes), 4, IDENTITY), null);
    });
  }
});
