import assert from "node:assert/strict";
import {
  ipPacket,
  packetFaults,
  pattern,
  plainSum,
  tcpPacket,
  udpPacket,
} from "../../tests/support/ip_packets.ts";
import { packetMemory } from "./packet_memory.ts";
import { UNREACHABLE_ROOM, writeUnreachable } from "./unreachable.ts";

/** 10.77.1.0 */
const TUNNEL = 0x0a4d0100;

function answer(packet: Uint8Array): Uint8Array {
  const from = packetMemory(new ArrayBuffer((packet.length + 3) & ~3));
  from.u8.set(packet);
  const to = packetMemory(new ArrayBuffer(12 + UNREACHABLE_ROOM));
  to.u8.fill(0xee);
  const length = writeUnreachable(from, 0, packet.length, to, 12, TUNNEL);
  assert.ok(
    to.u8.subarray(12 + length).every((octet) => octet === 0xee),
    "octets behind the message were written",
  );
  return to.u8.slice(12, 12 + length);
}

Deno.test("writeUnreachable() quotes header and eight octets of a packet", () => {
  const offender = udpPacket(pattern(100), { destination: "10.77.9.9" });
  const message = answer(offender);
  const hex = [...message].map((octet) => octet.toString(16).padStart(2, "0"));
  assert.deepEqual(hex.slice(0, 10), [
    ...["45", "00", "00", "38"],
    ...["00", "00", "00", "00"],
    ...["08", "01"],
  ]);
  assert.deepEqual([...message.subarray(12, 20)], [10, 77, 1, 0, 10, 77, 1, 1]);
  assert.deepEqual([...message.subarray(20, 22)], [3, 0]);
  assert.deepEqual([...message.subarray(24, 28)], [0, 0, 0, 0]);
  assert.deepEqual(message.subarray(28), offender.subarray(0, 28));
  assert.deepEqual(packetFaults(message), []);
  assert.equal(plainSum(message.subarray(20)), 0xffff);
});

Deno.test("writeUnreachable() quotes all there is", async (t) => {
  const cases = [
    ["a first fragment", tcpPacket(pattern(64), { fragment: 0x2000 }), 28],
    [
      "all options",
      ipPacket(17, pattern(30), { options: new Array(40).fill(1) }),
      68,
    ],
    ["four octets of payload", ipPacket(47, pattern(4)), 24],
    ["no payload", ipPacket(47, new Uint8Array()), 20],
  ] as const;
  for (const [name, offender, quoted] of cases) {
    await t.step(name, () => {
      const message = answer(offender);
      assert.equal(message.length, 28 + quoted);
      assert.deepEqual(message.subarray(28), offender.subarray(0, quoted));
      assert.deepEqual(packetFaults(message), []);
      assert.equal(plainSum(message.subarray(20)), 0xffff);
    });
  }
});

Deno.test("writeUnreachable() does not answer ICMP and later fragments", () => {
  assert.equal(answer(ipPacket(1, pattern(64))).length, 0);
  assert.equal(answer(udpPacket(pattern(64), { fragment: 1 })).length, 0);
  assert.equal(answer(udpPacket(pattern(64), { fragment: 0x2100 })).length, 0);
});
