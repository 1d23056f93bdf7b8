/**
 * Datagrams on their way to the socket: many of one size to one peer in one
 * message (`UDP_SEGMENT`), many messages in one system call (`sendmmsg(2)`).
 *
 * @module
 */
import { allocateFixed, type FixedMemory } from "../../host/fixed_memory.ts";
import { errno, libc } from "../../host/libc.ts";
import { COUNTER, type CounterMemory } from "./counters.ts";
import { type PacketMemory, packetMemory } from "./packet_memory.ts";
import { HEADER_ROOM, type SegmentSink } from "./segment.ts";

/** Datagrams the queue holds at most. */
const CAPACITY = 512;
/** Datagrams in a message, `UDP_MAX_SEGMENTS` of kernels before 6.9. */
const MOST_SEGMENTS = 64;
/** Octets in a message, those of the largest IPv4 packet without headers. */
const MOST_OCTETS = 65_507;

const MSGHDR = 64;
const IOVEC = 16;
const NAME = 16;
/** A control message with one `u16`, padded. */
const CONTROL = 24;
const CMSG_LENGTH = 18;

const AF_INET = 2;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const MSG_DONTWAIT = 0x40;
const POLLOUT = 4;

const EINTR = 4;
const EIO = 5;
const EAGAIN = 11;
const EINVAL = 22;
const EMSGSIZE = 90;
const ECONNREFUSED = 111;

/** Milliseconds that a full socket is waited for before packets are dropped. */
const PATIENCE = 5;

/** How a {@linkcode SendQueue} is made. */
export interface SendQueueOptions {
  /** UDP socket. */
  readonly fd: number;
  /** Port of every peer. */
  readonly port: number;
  /** Whether the socket takes messages of many datagrams. */
  readonly segments: boolean;
  /** Octets for packets at the start of the queue's memory. */
  readonly room: number;
  readonly counters: CounterMemory;
}

/** Collects datagrams, and sends them in as few system calls as it can. */
export class SendQueue implements SegmentSink {
  readonly memory: PacketMemory;
  readonly #fixed: FixedMemory;
  readonly #fd: number;
  readonly #counters: CounterMemory;
  readonly #headers: number;
  readonly #vectors: number;
  readonly #names: number;
  readonly #controls: number;
  readonly #messages: number;
  readonly #singles: number;
  readonly #messageBytes: Uint8Array<ArrayBuffer>;
  readonly #writable: Uint8Array<ArrayBuffer>;
  /** Datagrams, and octets, of each message. */
  readonly #datagrams = new Int32Array(CAPACITY);
  readonly #octets = new Int32Array(CAPACITY);
  readonly #firsts = new Int32Array(CAPACITY);
  #segments: boolean;
  #datagramCount = 0;
  #messageCount = 0;
  #peer = 0;
  #size = 0;
  #lastSize = 0;

  constructor(options: SendQueueOptions) {
    const { fd, port, segments, room, counters } = options;
    this.#fd = fd;
    this.#segments = segments;
    this.#counters = counters;
    this.#headers = (room + 7) & ~7;
    this.#vectors = this.#headers + CAPACITY * HEADER_ROOM;
    this.#names = this.#vectors + CAPACITY * 2 * IOVEC;
    this.#controls = this.#names + CAPACITY * NAME;
    this.#messages = this.#controls + CAPACITY * CONTROL;
    this.#singles = this.#messages + CAPACITY * MSGHDR;
    const size = this.#singles + MOST_SEGMENTS * MSGHDR;
    this.#fixed = allocateFixed(size);
    this.memory = packetMemory(this.#fixed.buffer);
    this.#messageBytes = this.memory.u8.subarray(this.#messages, size);
    this.#writable = new Uint8Array(new Int32Array([fd, POLLOUT]).buffer);
    this.#layOut(port);
  }

  /** Room for a packet's headers; sends first when the queue is full. */
  reserve(): number {
    if (this.#datagramCount === CAPACITY) this.flush();
    return this.#headers + this.#datagramCount * HEADER_ROOM;
  }

  /** Takes a datagram of two parts, after a call of {@linkcode reserve}. */
  append(
    publicIP: number,
    head: number,
    headLength: number,
    body: number,
    bodyLength: number,
  ): void {
    const { i32 } = this.memory;
    const index = this.#datagramCount++;
    const vector = (this.#vectors + index * 2 * IOVEC) >> 2;
    i32[vector] = this.#fixed.low + head;
    i32[vector + 2] = headLength;
    i32[vector + 4] = this.#fixed.low + body;
    i32[vector + 6] = bodyLength;
    const size = headLength + bodyLength;
    if (this.#fits(publicIP, size)) {
      const message = this.#messageCount - 1;
      this.#datagrams[message]!++;
      this.#octets[message]! += size;
    } else {
      const message = this.#messageCount++;
      this.#datagrams[message] = 1;
      this.#octets[message] = size;
      this.#firsts[message] = index;
      this.#peer = publicIP;
      this.#size = size;
      const name = (this.#names + message * NAME) >> 2;
      i32[name + 1] = networkOrder(publicIP);
      const control = this.#controls + message * CONTROL;
      this.memory.u16[(control + 16) >> 1] = size;
    }
    this.#lastSize = size;
  }

  /** Sends everything; what the socket refuses is counted and dropped. */
  flush(): void {
    const count = this.#messageCount;
    if (count === 0) return;
    for (let message = 0; message < count; message++) this.#finish(message);
    let sent = 0;
    while (sent < count) {
      const result = this.#send(sent, count - sent);
      if (result > 0) {
        for (const end = sent + result; sent < end; sent++) {
          this.#count(this.#datagrams[sent]!, this.#octets[sent]!);
        }
      } else if (this.#overcome(errno(), sent)) sent++;
    }
    this.#messageCount = 0;
    this.#datagramCount = 0;
    this.#peer = 0;
  }

  /**
   * Datagrams of a message are of one size, but the last, which may be less:
   * after a lesser one there can be no other.
   */
  #fits(publicIP: number, size: number): boolean {
    if (
      publicIP !== this.#peer || !this.#segments ||
      size > this.#size || this.#lastSize !== this.#size
    ) return false;
    const message = this.#messageCount - 1;
    return message >= 0 && this.#datagrams[message]! < MOST_SEGMENTS &&
      this.#octets[message]! + size <= MOST_OCTETS;
  }

  /** Writes what only is known when a message is complete. */
  #finish(message: number): void {
    const { i32 } = this.memory;
    const header = (this.#messages + message * MSGHDR) >> 2;
    const datagrams = this.#datagrams[message]!;
    i32[header + 4] = this.#fixed.low + this.#vectors +
      this.#firsts[message]! * 2 * IOVEC;
    i32[header + 6] = datagrams * 2;
    i32[header + 10] = datagrams > 1 ? CONTROL : 0;
  }

  /** Sends messages from one on; how many were taken, or -1. */
  #send(first: number, count: number): number {
    const bytes = first === 0
      ? this.#messageBytes
      : this.#messageBytes.subarray(first * MSGHDR);
    this.#counters[COUNTER.sendCalls]!++;
    return libc().sendmmsg(this.#fd, bytes, count, MSG_DONTWAIT);
  }

  /**
   * Deals with the error that a message met.
   *
   * @returns Whether it is done with; else it is to be tried again
   */
  #overcome(number: number, message: number): boolean {
    // The answer to an earlier datagram, told at the next call.
    if (number === EINTR || number === ECONNREFUSED) return false;
    if (number === EAGAIN && this.#wait()) return false;
    if (this.#datagrams[message]! > 1) {
      // The device does no checksums, which segmentation needs: as without.
      if (number === EIO) this.#segments = false;
      // EINVAL also where the way to the peer has a smaller MTU.
      if (number === EIO || number === EINVAL || number === EMSGSIZE) {
        this.#sendSingly(message);
        return true;
      }
    }
    this.#counters[COUNTER.sendErrors]! += this.#datagrams[message]!;
    return true;
  }

  /** Waits for room in the socket's buffer, not for long. */
  #wait(): boolean {
    return libc().poll(this.#writable, 1n, PATIENCE) > 0;
  }

  /** Sends the datagrams of one message as messages of their own. */
  #sendSingly(message: number): void {
    const { i32, u8 } = this.memory;
    const header = this.#messages + message * MSGHDR;
    const count = this.#datagrams[message]!;
    const first = this.#firsts[message]!;
    for (let single = 0; single < count; single++) {
      const at = this.#singles + single * MSGHDR;
      u8.copyWithin(at, header, header + MSGHDR);
      i32[(at >> 2) + 4] = this.#fixed.low + this.#vectors +
        (first + single) * 2 * IOVEC;
      i32[(at >> 2) + 6] = 2;
      i32[(at >> 2) + 10] = 0;
    }
    const base = CAPACITY;
    for (let sent = 0; sent < count;) {
      const result = this.#send(base + sent, count - sent);
      if (result > 0) {
        for (const end = sent + result; sent < end; sent++) {
          this.#count(1, this.#sizeOf(first + sent));
        }
        continue;
      }
      const number = errno();
      if (number === EINTR || number === ECONNREFUSED) continue;
      if (number === EAGAIN && this.#wait()) continue;
      this.#counters[COUNTER.sendErrors]!++;
      sent++;
    }
  }

  #sizeOf(datagram: number): number {
    const vector = (this.#vectors + datagram * 2 * IOVEC) >> 2;
    const { i32 } = this.memory;
    return i32[vector + 2]! + i32[vector + 6]!;
  }

  #count(datagrams: number, octets: number): void {
    this.#counters[COUNTER.sentPackets]! += datagrams;
    this.#counters[COUNTER.sentOctets]! += octets;
  }

  /** Writes what is the same for every message: pointers, port, options. */
  #layOut(port: number): void {
    const { low, high } = this.#fixed;
    const { i32, u8, u16 } = this.memory;
    for (let index = 0; index < CAPACITY; index++) {
      const vector = (this.#vectors + index * 2 * IOVEC) >> 2;
      i32[vector + 1] = high;
      i32[vector + 5] = high;
      const name = this.#names + index * NAME;
      u16[name >> 1] = AF_INET;
      u8[name + 2] = port >> 8;
      u8[name + 3] = port;
      const control = this.#controls + index * CONTROL;
      i32[control >> 2] = CMSG_LENGTH;
      i32[(control >> 2) + 2] = SOL_UDP;
      i32[(control >> 2) + 3] = UDP_SEGMENT;
      const header = (this.#messages + index * MSGHDR) >> 2;
      i32[header] = low + name;
      i32[header + 1] = high;
      i32[header + 2] = NAME;
      i32[header + 5] = high;
      i32[header + 8] = low + control;
      i32[header + 9] = high;
    }
  }
}

/** An address as it is stored in memory, most significant octet first. */
function networkOrder(address: number): number {
  return address << 24 | (address & 0xff00) << 8 | (address >>> 8) & 0xff00 |
    address >>> 24;
}
