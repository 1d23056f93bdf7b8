import assert from "node:assert/strict";
import {
  ipPacket,
  packetFaults,
  pattern,
  udpPacket,
} from "../../tests/support/ip_packets.ts";
import {
  addressAt,
  decrementTtl,
  ipv4Length,
  writeHeaderChecksum,
} from "./ip_header.ts";
import { packetMemory } from "./packet_memory.ts";

function memoryOf(packet: Uint8Array, at = 0) {
  const memory = packetMemory(new ArrayBuffer((at + packet.length + 7) & ~3));
  memory.u8.set(packet, at);
  return memory;
}

Deno.test("ipv4Length() tells packets from what is none", async (t) => {
  const packet = udpPacket(pattern(10));
  const edited = (edit: (bytes: Uint8Array) => void) => {
    const bytes = packet.slice();
    edit(bytes);
    return bytes;
  };
  const cases: readonly (readonly [string, Uint8Array, number])[] = [
    ["a packet", packet, packet.length],
    ["octets behind it", Uint8Array.of(...packet, 1, 2, 3), packet.length],
    ["options", ipPacket(17, pattern(9), { options: [1, 1, 1, 0] }), 33],
    ["nothing", new Uint8Array(), 0],
    ["19 octets", packet.subarray(0, 19), 0],
    ["cut short", packet.subarray(0, packet.length - 1), 0],
    ["version 6", edited((bytes) => bytes[0] = 0x65), 0],
    ["a header of 16 octets", edited((bytes) => bytes[0] = 0x44), 0],
    ["a header longer than all", edited((bytes) => bytes[0] = 0x4f), 0],
    ["length 0", edited((bytes) => bytes.fill(0, 2, 4)), 0],
  ];
  for (const [name, bytes, expected] of cases) {
    await t.step(name, () => {
      assert.equal(ipv4Length(memoryOf(bytes, 2), 2, bytes.length), expected);
    });
  }
});

Deno.test("decrementTtl() keeps the checksum right for every identification", () => {
  // The checksum takes every value, so that all carries happen.
  for (let id = 0; id < 0x10000; id++) {
    const packet = ipPacket(47, new Uint8Array(), { id, ttl: 2 });
    assert.equal(decrementTtl(packet, 0), true);
    assert.equal(packet[8], 1);
    assert.deepEqual(packetFaults(packet), [], `identification ${id}`);
  }
});

Deno.test("decrementTtl() leaves a packet that may go no further", () => {
  for (const ttl of [0, 1]) {
    const packet = ipPacket(17, pattern(4), { ttl });
    const before = packet.slice();
    assert.equal(decrementTtl(packet, 0), false);
    assert.deepEqual(packet, before);
  }
});

Deno.test("addressAt() is unsigned", () => {
  assert.equal(addressAt(Uint8Array.of(0, 255, 0, 0, 1), 1), 0xff000001);
});

Deno.test("writeHeaderChecksum() is right with options", () => {
  const packet = ipPacket(1, pattern(4), { options: [7, 7, 4, 1, 2, 3, 4, 0] });
  const memory = memoryOf(packet);
  memory.u8[10] = 99;
  writeHeaderChecksum(memory, 0);
  assert.deepEqual(memory.u8.subarray(0, packet.length), packet);
});
