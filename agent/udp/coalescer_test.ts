import assert from "node:assert/strict";
import {
  ipPacket,
  packetFaults,
  pattern,
  type SegmentFields,
  tcpPacket,
  udpPacket,
} from "../../tests/support/ip_packets.ts";
import {
  Coalescer,
  type CoalescerSink,
  type MergedRun,
  MOST_MERGED,
} from "./coalescer.ts";
import { type PacketMemory, packetMemory } from "./packet_memory.ts";

/** What came out: packets, and runs as their segments' payload. */
type Out =
  | { readonly packet: Uint8Array }
  | {
    readonly merged: Uint8Array;
    readonly size: number;
    readonly count: number;
    readonly push: boolean;
  };

class Kept implements CoalescerSink {
  readonly out: Out[] = [];

  constructor(readonly memory: PacketMemory) {}

  packet(at: number, length: number): void {
    this.out.push({ packet: this.memory.u8.slice(at, at + length) });
  }

  merged(run: MergedRun): void {
    const { u8 } = this.memory;
    const { at, headers, size, count, push } = run;
    const parts = [...u8.subarray(at, at + headers)];
    for (let index = 0; index < count; index++) {
      const body = run.bodies[index] ?? 0;
      const octets = index === count - 1 ? run.lastSize : size;
      parts.push(...u8.subarray(body, body + octets));
    }
    this.out.push({ merged: Uint8Array.from(parts), size, count, push });
  }
}

/** Sends packets through, one behind the other in memory. */
function coalesce(packets: readonly Uint8Array[]): Out[] {
  const memory = packetMemory(new ArrayBuffer(512 * 1024));
  const kept = new Kept(memory);
  const coalescer = new Coalescer(memory, kept);
  let at = 0;
  for (const packet of packets) {
    memory.u8.set(packet, at);
    coalescer.take(at, packet.length);
    at += packet.length;
  }
  coalescer.flush();
  return kept.out;
}

/** Segments of one flow, as a sender cuts them. */
function flow(
  sizes: readonly number[],
  change: (index: number) => SegmentFields = () => ({}),
): Uint8Array<ArrayBuffer>[] {
  let sequence = 1000;
  return sizes.map((size, index) => {
    const packet = tcpPacket(pattern(size, sequence), {
      sequence,
      id: 0x1234 + index,
      ...change(index),
    });
    sequence += size;
    return packet;
  });
}

Deno.test("Coalescer puts segments of a flow together", () => {
  const out = coalesce(flow([1420, 1420, 1420, 7], (index) => ({
    flags: index === 3 ? 0x18 : 0x10,
  })));
  const [first] = flow([1420]);
  assert.deepEqual(out, [{
    merged: Uint8Array.of(
      ...first?.subarray(0, 52) ?? [],
      ...pattern(3 * 1420 + 7, 1000),
    ),
    size: 1420,
    count: 4,
    push: true,
  }]);
});

Deno.test("Coalescer puts segments of odd size together, at odd addresses", () => {
  const [out, ...more] = coalesce(flow([1399, 1399, 1399, 1399]));
  assert.ok(out && "merged" in out && more.length === 0);
  assert.deepEqual(out.merged.subarray(52), pattern(4 * 1399, 1000));
});

Deno.test("Coalescer begins anew where no more segments fit", async (t) => {
  const counts = (sizes: readonly number[]) =>
    coalesce(flow(sizes)).map((out) => "count" in out ? out.count : 1);
  await t.step("64 KiB", () => {
    // 52 octets of headers and 46 times 1420 are 65,372.
    assert.deepEqual(counts(new Array(60).fill(1420)), [46, 14]);
  });
  await t.step("as many as there are vectors", () => {
    assert.deepEqual(counts(new Array(MOST_MERGED + 1).fill(100)), [
      MOST_MERGED,
      1,
    ]);
  });
  await t.step("after a lesser one", () => {
    assert.deepEqual(counts([500, 500, 400, 400]), [3, 1]);
  });
  await t.step("before a greater one", () => {
    assert.deepEqual(counts([500, 501, 501]), [1, 2]);
  });
});

Deno.test("Coalescer passes on unchanged what may not be merged", async (t) => {
  const second = (fields: SegmentFields) =>
    flow([500, 500], (index) => index === 1 ? fields : {});
  const damaged = (position: number) => {
    const [first, next] = flow([500, 500]);
    assert.ok(first && next);
    next[position]! ^= 1;
    return [first, next];
  };
  const cases: Record<string, readonly Uint8Array[]> = {
    "another source": second({ source: "10.77.1.2" }),
    "another destination": second({ destination: "10.77.2.2" }),
    "another source port": second({ sourcePort: 1 }),
    "another destination port": second({ destinationPort: 1 }),
    "a gap": second({ sequence: 1501 }),
    "an overlap": second({ sequence: 1499 }),
    "another acknowledgement": second({ acknowledgement: 78 }),
    "another window": second({ window: 513 }),
    "other timestamps": second({
      tcpOptions: [1, 1, 8, 10, 0, 0, 0, 10, 0, 0, 0, 5],
    }),
    "other options' length": second({ tcpOptions: [] }),
    "another TTL": second({ ttl: 63 }),
    "another type of service": second({ tos: 1 }),
    "may be fragmented, unlike the first": second({ fragment: 0 }),
    "an identification that does not count on": flow(
      [500, 500],
      (index) => ({ fragment: 0, id: 5 + 2 * index }),
    ),
    "PSH on the first": flow([500, 500], () => ({ flags: 0x18 })),
    "FIN": second({ flags: 0x11 }),
    "SYN": second({ flags: 0x12 }),
    "RST": second({ flags: 0x14 }),
    "URG": second({ flags: 0x30 }),
    "ECE": second({ flags: 0x50 }),
    "CWR": second({ flags: 0x90 }),
    "no ACK": flow([500, 500], () => ({ flags: 0 })),
    "no payload": flow([0, 0]),
    "IP options": flow([500, 500], () => ({ options: [1, 1, 1, 0] })),
    "first fragments": flow([500, 500], () => ({ fragment: 0x2000 })),
    "later fragments": flow([500, 500], () => ({ fragment: 0x0001 })),
    "UDP": [udpPacket(pattern(500)), udpPacket(pattern(500))],
    "ICMP": [ipPacket(1, pattern(64)), ipPacket(1, pattern(64))],
    "a TCP header longer than the packet": [
      ipPacket(6, new Uint8Array(30).fill(0xf0)),
    ],
    "a damaged payload": damaged(300),
    "a damaged last octet": damaged(551),
    "a damaged IP header": damaged(10),
    "a damaged TCP checksum": damaged(36),
  };
  for (const [name, packets] of Object.entries(cases)) {
    await t.step(name, () => {
      assert.deepEqual(
        coalesce(packets),
        packets.map((packet) => ({ packet })),
      );
    });
  }
});

Deno.test("Coalescer does not merge into a damaged first segment", () => {
  const packets = flow([500, 500, 500]);
  packets[0]![200]! ^= 0x10;
  const out = coalesce(packets);
  assert.deepEqual(out[0], { packet: packets[0] });
  assert.ok(out[1] && "merged" in out[1] && out[1].count === 2);
});

Deno.test("Coalescer follows sequence numbers and identifications past 0", () => {
  const packets = [0, 1, 2].map((index) =>
    tcpPacket(pattern(500, 500 * index), {
      sequence: (0xffff_fe00 + 500 * index) >>> 0,
      id: (0xffff + index) & 0xffff,
      fragment: 0,
    })
  );
  const [out, ...more] = coalesce(packets);
  assert.ok(out && "merged" in out && more.length === 0);
  assert.deepEqual(out.merged.subarray(52), pattern(1500));
});

Deno.test("Coalescer keeps the order of flows between one another", () => {
  const one = flow([500, 500]);
  const two = flow([500, 500], () => ({ sourcePort: 50_000 }));
  const ack = tcpPacket(new Uint8Array());
  const out = coalesce([...one, ...two, ack, ...one]);
  assert.deepEqual(
    out.map((item) =>
      "count" in item
        ? [item.count, item.merged[20]! * 256 + item.merged[21]!]
        : 1
    ),
    [[2, 40_000], [2, 50_000], 1, [2, 40_000]],
  );
});

Deno.test("packets of these tests are right themselves", () => {
  for (const packet of flow([1, 500, 1399])) {
    assert.deepEqual(packetFaults(packet), []);
  }
});
