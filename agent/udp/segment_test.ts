import assert from "node:assert/strict";
import {
  packetFaults,
  pattern,
  type SegmentFields,
  tcpPacket,
  udpPacket,
} from "../../tests/support/ip_packets.ts";
import { packetMemory } from "./packet_memory.ts";
import {
  completeChecksum,
  HEADER_ROOM,
  type SegmentSink,
  segmentTcp,
  segmentUdp,
} from "./segment.ts";

const PEER = 0xc0a80107;

/** Keeps what would be sent. */
class Kept implements SegmentSink {
  readonly memory = packetMemory(new ArrayBuffer(256 * 1024));
  readonly packets: Uint8Array<ArrayBuffer>[] = [];
  #reserved = 0;

  constructor(packet: Uint8Array, readonly at = 12) {
    this.memory.u8.set(packet, at);
  }

  reserve(): number {
    return 128 * 1024 + this.#reserved++ * HEADER_ROOM;
  }

  append(
    publicIP: number,
    head: number,
    headLength: number,
    body: number,
    bodyLength: number,
  ): void {
    assert.equal(publicIP, PEER);
    const { u8 } = this.memory;
    this.packets.push(Uint8Array.of(
      ...u8.subarray(head, head + headLength),
      ...u8.subarray(body, body + bodyLength),
    ));
  }
}

/** What cutting should give, made packet by packet. */
function cut(payload: Uint8Array, size: number, fields: SegmentFields) {
  const { flags = 0x10, id = 0x1234, sequence = 1 } = fields;
  const count = Math.ceil(payload.length / size);
  return Array.from({ length: count }, (_, index) => {
    const last = index === count - 1;
    return tcpPacket(payload.subarray(index * size, (index + 1) * size), {
      ...fields,
      id: (id + index) & 0xffff,
      sequence: (sequence + index * size) >>> 0,
      flags: flags & ~(last ? 0 : 0x09) & ~(index === 0 ? 0 : 0x80),
    });
  });
}

Deno.test("segmentTcp() gives the packets that would have been sent one by one", async (t) => {
  const cases: readonly (readonly [
    string,
    { length: number; size: number; fields?: SegmentFields },
  ])[] = [
    ["whole segments", { length: 4260, size: 1420 }],
    ["a rest", { length: 4261, size: 1420 }],
    ["an odd size", { length: 6000, size: 1399 }],
    ["one segment", { length: 100, size: 1420 }],
    ["64 KiB", { length: 65_160, size: 1448 }],
    ["PSH, FIN and CWR", {
      length: 3000,
      size: 1000,
      fields: { flags: 0x99 },
    }],
    ["numbers that begin again at 0", {
      length: 5000,
      size: 1000,
      fields: { sequence: 0xffff_fc00, id: 0xfffe },
    }],
    ["IP options and no TCP options", {
      length: 3000,
      size: 1200,
      fields: { options: [7, 7, 4, 1, 2, 3, 4, 0], tcpOptions: [] },
    }],
    ["all options there is room for", {
      length: 3000,
      size: 1200,
      fields: {
        options: new Array(40).fill(1),
        tcpOptions: new Array(40).fill(1),
      },
    }],
    ["type of service and no flag", {
      length: 3000,
      size: 1200,
      fields: { tos: 0xb8, fragment: 0 },
    }],
  ];
  for (const [name, { length, size, fields = {} }] of cases) {
    await t.step(name, () => {
      const payload = pattern(length);
      const packet = tcpPacket(payload, fields);
      // The kernel leaves the pseudo-header's sum where the checksum goes.
      const ip = ((packet[0] ?? 0) & 15) * 4;
      packet.set([0xab, 0xcd], ip + 16);
      const kept = new Kept(packet);
      assert.equal(segmentTcp(kept, PEER, 12, packet.length, size), true);
      assert.deepEqual(kept.packets, cut(payload, size, fields));
    });
  }
});

Deno.test("segmentTcp() sends nothing of what is no such packet", async (t) => {
  const packet = tcpPacket(pattern(100), { tcpOptions: [] });
  const cases: readonly (readonly [string, number, number, number?])[] = [
    ["without payload", 40, 20],
    ["without TCP header", 30, 20],
    ["size 0", 140, 0],
    ["a TCP header of 16 octets", 140, 20, 0x40],
    ["a TCP header longer than all", 70, 20, 0xf0],
  ];
  for (const [name, length, size, offset] of cases) {
    await t.step(name, () => {
      const kept = new Kept(packet);
      if (offset !== undefined) kept.memory.u8[12 + 20 + 12] = offset;
      assert.equal(segmentTcp(kept, PEER, 12, length, size), false);
      assert.deepEqual(kept.packets, []);
    });
  }
});

Deno.test("segmentUdp() gives the datagrams that were sent as one", async (t) => {
  for (
    const [length, size] of [[1000, 500], [1001, 500], [999, 333], [10, 20]]
  ) {
    await t.step(`${length} octets in ${size}`, () => {
      const payload = pattern(length ?? 0);
      const packet = udpPacket(payload);
      const kept = new Kept(packet);
      assert.equal(segmentUdp(kept, PEER, 12, packet.length, size ?? 0), true);
      const count = Math.ceil((length ?? 0) / (size ?? 1));
      assert.deepEqual(
        kept.packets,
        Array.from({ length: count }, (_, index) => {
          const part = payload.subarray(
            index * (size ?? 0),
            (index + 1) * (size ?? 0),
          );
          return udpPacket(part, { id: 0x1234 + index });
        }),
      );
    });
  }
});

Deno.test("segmentUdp() never says that there is no checksum", () => {
  // Of all values of two octets one makes the sum come out even.
  let seen = 0;
  for (let word = 0; word < 0x10000; word++) {
    const packet = udpPacket(Uint8Array.of(word >> 8, word));
    const kept = new Kept(packet);
    segmentUdp(kept, PEER, 12, packet.length, 2);
    const [sent = new Uint8Array()] = kept.packets;
    assert.deepEqual(packetFaults(sent), []);
    const checksum = (sent[26] ?? 0) << 8 | (sent[27] ?? 0);
    assert.notEqual(checksum, 0);
    if (checksum === 0xffff) seen++;
  }
  assert.equal(seen, 1);
});

Deno.test("completeChecksum() completes what the kernel began", async (t) => {
  for (const at of [12, 13, 14, 15]) {
    for (const length of [0, 1, 2, 999, 1000]) {
      await t.step(`${length} octets at ${at}`, () => {
        for (
          const [packet, field] of [
            [tcpPacket(pattern(length)), 16],
            [udpPacket(pattern(length)), 6],
          ] as const
        ) {
          const begun = packet.slice();
          begun.set(pseudoHeaderSum(packet), 20 + field);
          const { memory } = new Kept(begun, at);
          assert.equal(
            completeChecksum(memory, at, begun.length, 20, field),
            true,
          );
          assert.deepEqual(
            memory.u8.slice(at, at + begun.length),
            packet,
          );
        }
      });
    }
  }
});

Deno.test("completeChecksum() refuses a field outside the packet", () => {
  const packet = udpPacket(pattern(4));
  const { memory } = new Kept(packet);
  assert.equal(completeChecksum(memory, 12, packet.length, 20, 11), false);
  assert.deepEqual(memory.u8.slice(12, 12 + packet.length), packet);
});

/** As the kernel leaves it: not complemented. */
function pseudoHeaderSum(packet: Uint8Array): number[] {
  const words = new DataView(packet.buffer);
  let sum = (packet[9] ?? 0) + packet.length - 20;
  for (let at = 12; at < 20; at += 2) sum += words.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return [sum >> 8, sum & 0xff];
}
