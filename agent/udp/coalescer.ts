/**
 * Puts TCP segments that follow one another back together, so that the kernel
 * handles one large packet instead of many (generic receive offload).
 *
 * @module
 */
import { sumWords } from "./checksum.ts";
import { IPV4_HEADER, PROTOCOL, pseudoSum } from "./ip_header.ts";
import type { PacketMemory } from "./packet_memory.ts";

/** Segments in one packet at most. */
export const MOST_MERGED = 128;

const TCP_HEADER = 20;
const ACK = 0x10;
const PSH = 0x08;
const MORE_OR_OFFSET = 0x3f;
const DONT_FRAGMENT = 0x40;
const MOST_OCTETS = 65_535;

/** Segments of one TCP flow, in order and without a gap. */
export interface MergedRun {
  /** The first segment's IP header. */
  readonly at: number;
  /** Octets of the IP and TCP headers. */
  readonly headers: number;
  /** Payload of each segment but the last, which may have less. */
  readonly size: number;
  /** Segments, two or more. */
  readonly count: number;
  /** Where each segment's payload is. */
  readonly bodies: Int32Array;
  /** Payload of the last segment. */
  readonly lastSize: number;
  /** Whether the last segment has the PSH flag. */
  readonly push: boolean;
}

/** Where packets go. */
export interface CoalescerSink {
  /** Takes a packet as it came. */
  packet(at: number, length: number): void;
  /** Takes segments as one; the run is valid during the call only. */
  merged(run: MergedRun): void;
}

/**
 * Merges what may be merged and passes on the rest, all in order. Only what
 * has valid checksums is merged, since nobody can check them afterwards. The
 * rules are those of the kernel's `tcp_gro_receive()` and `inet_gro_receive()`:
 * cutting the merged packet up again gives the packets that came.
 */
export class Coalescer {
  readonly #memory: PacketMemory;
  readonly #sink: CoalescerSink;
  readonly #run = {
    at: 0,
    headers: 0,
    size: 0,
    count: 0,
    bodies: new Int32Array(MOST_MERGED),
    lastSize: 0,
    push: false,
  };
  /** Octets of the first packet, for when it stays alone. */
  #length = 0;
  #total = 0;
  #sequence = 0;
  /** Whether the first segment's checksums were found valid. */
  #checked = false;

  constructor(memory: PacketMemory, sink: CoalescerSink) {
    this.#memory = memory;
    this.#sink = sink;
  }

  /** Takes a whole IPv4 packet, which must stay until {@linkcode flush}. */
  take(at: number, length: number): void {
    const headers = this.#segmentHeaders(at, length);
    if (headers === 0) {
      this.flush();
      this.#sink.packet(at, length);
    } else if (!this.#join(at, length, headers)) {
      this.flush();
      this.#begin(at, length, headers);
    }
  }

  /** Passes on what is held back. */
  flush(): void {
    const run = this.#run;
    if (run.count === 1) this.#sink.packet(run.at, this.#length);
    else if (run.count > 1) this.#sink.merged(run);
    run.count = 0;
  }

  /**
   * Octets of the headers if the packet is a plain TCP segment with payload, 0
   * if not: with IP options, a fragment, without payload, or with any flag but
   * ACK and PSH.
   */
  #segmentHeaders(at: number, length: number): number {
    const { u8 } = this.#memory;
    const tcp = at + IPV4_HEADER;
    if (
      u8[at] !== 0x45 || u8[at + 9] !== PROTOCOL.tcp ||
      (u8[at + 6]! & MORE_OR_OFFSET) !== 0 || u8[at + 7] !== 0 ||
      length <= IPV4_HEADER + TCP_HEADER ||
      (u8[tcp + 13]! & ~PSH) !== ACK || (u8[tcp + 12]! & 15) !== 0
    ) return 0;
    const header = u8[tcp + 12]! >> 2;
    return header >= TCP_HEADER && IPV4_HEADER + header < length
      ? IPV4_HEADER + header
      : 0;
  }

  #begin(at: number, length: number, headers: number): void {
    const { u8 } = this.#memory;
    const run = this.#run;
    run.at = at;
    run.headers = headers;
    run.size = run.lastSize = length - headers;
    run.count = 1;
    run.bodies[0] = at + headers;
    run.push = (u8[at + IPV4_HEADER + 13]! & PSH) !== 0;
    this.#length = this.#total = length;
    this.#sequence = readWord(u8, at + IPV4_HEADER + 4) + run.size | 0;
    this.#checked = false;
  }

  /** Appends a segment to the run if it is the next one. */
  #join(at: number, length: number, headers: number): boolean {
    const { u8 } = this.#memory;
    const run = this.#run;
    const size = length - headers;
    if (
      run.count === 0 || run.count === MOST_MERGED || run.push ||
      headers !== run.headers || run.lastSize !== run.size ||
      size > run.size || this.#total + size > MOST_OCTETS ||
      readWord(u8, at + IPV4_HEADER + 4) !== this.#sequence ||
      !this.#alike(at, headers) || !this.#valid(at, length)
    ) return false;
    if (!this.#checked) {
      if (!this.#valid(run.at, this.#length)) return false;
      this.#checked = true;
    }
    run.bodies[run.count++] = at + headers;
    run.lastSize = size;
    run.push = (u8[at + IPV4_HEADER + 13]! & PSH) !== 0;
    this.#total += size;
    this.#sequence = this.#sequence + size | 0;
    return true;
  }

  /** Whether all is equal that cutting up would make equal. */
  #alike(at: number, headers: number): boolean {
    const { u8 } = this.#memory;
    const first = this.#run.at;
    const tcp = IPV4_HEADER;
    return u8[at + 1] === u8[first + 1] && // type of service
      u8[at + 6] === u8[first + 6] && // "don't fragment"
      u8[at + 8] === u8[first + 8] && // time to live
      this.#counted(at) &&
      // Addresses and ports;
      same(u8, at + 12, first + 12, 12) &&
      // acknowledgement; window; urgent pointer and options.
      same(u8, at + tcp + 8, first + tcp + 8, 4) &&
      same(u8, at + tcp + 14, first + tcp + 14, 2) &&
      same(u8, at + tcp + 18, first + tcp + 18, headers - tcp - 18);
  }

  /**
   * Whether the identification counts on; it has no meaning for packets that
   * must not be fragmented, RFC 6864.
   */
  #counted(at: number): boolean {
    const { u8 } = this.#memory;
    if ((u8[at + 6]! & DONT_FRAGMENT) !== 0) return true;
    const { at: first, count } = this.#run;
    const expected = (u8[first + 4]! << 8 | u8[first + 5]!) + count;
    return (expected & 0xffff) === (u8[at + 4]! << 8 | u8[at + 5]!);
  }

  /** Whether the checksums of the IP header and the segment are right. */
  #valid(at: number, length: number): boolean {
    const memory = this.#memory;
    const size = length - IPV4_HEADER;
    const sum = pseudoSum(memory, at, size) +
      sumWords(memory, at + IPV4_HEADER, size);
    return sumWords(memory, at, IPV4_HEADER) === 0xffff &&
      sum % 0xffff === 0;
  }
}

function same(u8: Uint8Array, a: number, b: number, octets: number): boolean {
  for (let i = 0; i < octets; i++) {
    if (u8[a + i] !== u8[b + i]) return false;
  }
  return true;
}

/** A word of 32 bits in network order, signed. */
function readWord(u8: Uint8Array, at: number): number {
  return u8[at]! << 24 | u8[at + 1]! << 16 | u8[at + 2]! << 8 | u8[at + 3]!;
}
