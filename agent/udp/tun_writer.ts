/**
 * Packets on their way into the TUN device.
 *
 * @module
 */
import type { FixedMemory } from "../../host/fixed_memory.ts";
import { errno, libc } from "../../host/libc.ts";
import { VNET_HEADER } from "../../host/tun.ts";
import {
  type CoalescerSink,
  type MergedRun,
  MOST_MERGED,
} from "./coalescer.ts";
import { COUNTER, type CounterMemory } from "./counters.ts";
import { IPV4_HEADER, pseudoSum, writeHeaderChecksum } from "./ip_header.ts";
import type { PacketMemory } from "./packet_memory.ts";

const IOVEC = 16;
const EINTR = 4;

const VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;
const VIRTIO_NET_HDR_GSO_TCPV4 = 1;
const TCP_CHECKSUM = 16;
const TCP_FLAGS = 13;
const PSH = 0x08;

/** Octets that a {@linkcode TunWriter} needs of its memory. */
export const TUN_WRITER_ROOM = (1 + MOST_MERGED) * IOVEC + 2 * 128 + 16;

/** Writes packets, each in one system call, without copying payload. */
export class TunWriter implements CoalescerSink {
  readonly #tun: number;
  readonly #memory: PacketMemory;
  readonly #fixed: FixedMemory;
  readonly #counters: CounterMemory;
  readonly #vectors: number;
  readonly #plain: number;
  /** Header and headers of a merged packet. */
  readonly #head: number;
  readonly #vectorBytes: Uint8Array<ArrayBuffer>;

  /**
   * @param memory Views of all of `fixed`; packets lie in it.
   * @param room Where its own {@linkcode TUN_WRITER_ROOM} octets begin, a
   * multiple of eight.
   */
  constructor(
    tun: number,
    fixed: FixedMemory,
    memory: PacketMemory,
    room: number,
    counters: CounterMemory,
  ) {
    this.#tun = tun;
    this.#fixed = fixed;
    this.#memory = memory;
    this.#counters = counters;
    this.#vectors = room;
    this.#plain = room + (1 + MOST_MERGED) * IOVEC;
    this.#head = this.#plain + 16;
    this.#vectorBytes = memory.u8.subarray(this.#vectors, this.#plain);
    for (let index = 0; index <= MOST_MERGED; index++) {
      memory.i32[((this.#vectors + index * IOVEC) >> 2) + 1] = fixed.high;
    }
  }

  /** Writes one packet; the kernel checks its checksums. */
  packet(at: number, length: number): void {
    this.#point(0, this.#plain, VNET_HEADER);
    this.#point(1, at, length);
    this.#write(2, 1, length);
  }

  /** Writes a run as one packet that the kernel may cut up again. */
  merged(run: MergedRun): void {
    const { u8, u16 } = this.#memory;
    const { headers, size, count } = run;
    const payload = size * (count - 1) + run.lastSize;
    const head = this.#head;
    const ip = head + VNET_HEADER;
    const tcp = ip + IPV4_HEADER;
    u8[head] = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    u8[head + 1] = VIRTIO_NET_HDR_GSO_TCPV4;
    u16[(head + 2) >> 1] = headers;
    u16[(head + 4) >> 1] = size;
    u16[(head + 6) >> 1] = IPV4_HEADER;
    u16[(head + 8) >> 1] = TCP_CHECKSUM;
    u8.copyWithin(ip, run.at, run.at + headers);
    const total = headers + payload;
    u8[ip + 2] = total >> 8;
    u8[ip + 3] = total;
    writeHeaderChecksum(this.#memory, ip);
    if (run.push) u8[tcp + TCP_FLAGS]! |= PSH;
    const sum = pseudoSum(this.#memory, ip, total - IPV4_HEADER);
    u16[(tcp + TCP_CHECKSUM) >> 1] = sum;
    this.#point(0, head, VNET_HEADER + headers);
    for (let index = 0; index < count - 1; index++) {
      this.#point(1 + index, run.bodies[index]!, size);
    }
    this.#point(count, run.bodies[count - 1]!, run.lastSize);
    this.#write(count + 1, count, count * headers + payload);
  }

  #point(vector: number, at: number, length: number): void {
    const { i32 } = this.#memory;
    const word = (this.#vectors + vector * IOVEC) >> 2;
    i32[word] = this.#fixed.low + at;
    i32[word + 2] = length;
  }

  #write(vectors: number, packets: number, octets: number): void {
    const counters = this.#counters;
    const { writev } = libc();
    counters[COUNTER.writeCalls]!++;
    let result: number;
    do {
      result = writev(this.#tun, this.#vectorBytes, vectors);
    } while (result < 0 && errno() === EINTR);
    if (result < 0) counters[COUNTER.writeErrors]! += packets;
    else {
      counters[COUNTER.receivedPackets]! += packets;
      counters[COUNTER.receivedOctets]! += octets;
    }
  }
}
