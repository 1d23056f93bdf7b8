import assert from "node:assert/strict";
import { hex, toHex } from "../tests/support/hex.ts";
import { ARP_SIZE, readArpReply, writeArpRequest } from "./arp_packet.ts";

const RECEIVER = Uint8Array.of(192, 168, 0, 9);

/** 192.168.0.2 is at 02:…:02, told to 192.168.0.9. */
const REPLY = `
  0001 0800 06 04 0002
  020000000002 c0a80002
  020000000009 c0a80009
`;

Deno.test("writeArpRequest() writes the packet of RFC 826", () => {
  const packet = new Uint8Array(ARP_SIZE).fill(0xff);
  writeArpRequest(
    packet,
    { mac: Uint8Array.of(2, 0, 0, 0, 0, 9), address: RECEIVER },
    Uint8Array.of(192, 168, 0, 2),
  );
  assert.equal(
    toHex(packet),
    toHex(hex(`
      0001 0800 06 04 0001
      020000000009 c0a80009
      000000000000 c0a80002
    `)),
  );
});

Deno.test("readArpReply() reads who answers", () => {
  const expected = { address: "192.168.0.2", mac: "02:00:00:00:00:02" };
  assert.deepEqual(readArpReply(hex(REPLY), RECEIVER), expected);
  const padded = hex(`${REPLY} ${"00".repeat(18)}`);
  assert.deepEqual(readArpReply(padded, RECEIVER), expected);
});

Deno.test("readArpReply() gives null for anything else", async (t) => {
  const cases: Record<string, string> = {
    "nothing": "",
    "a truncated reply": REPLY.trim().slice(0, -2),
    "a request": REPLY.replace("04 0002", "04 0001"),
    "another operation (RARP)": REPLY.replace("04 0002", "04 0004"),
    "a reply to another address": REPLY.replace("c0a80009", "c0a8000a"),
    "other hardware (InfiniBand)": REPLY.replace("0001 0800", "0020 0800"),
    "another protocol": REPLY.replace("0001 0800", "0001 86dd"),
    "longer hardware addresses": REPLY.replace("06 04", "08 04"),
    "longer protocol addresses": REPLY.replace("06 04", "06 10"),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    await t.step(name, () => {
      assert.equal(readArpReply(hex(bytes), RECEIVER), null);
    });
  }
});

Deno.test("readArpReply() reads within a larger buffer", () => {
  const buffer = hex(`ffff ${REPLY} ffff`);
  const packet = buffer.subarray(2, 2 + ARP_SIZE);
  assert.equal(readArpReply(packet, RECEIVER)?.address, "192.168.0.2");
});
