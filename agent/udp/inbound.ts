/**
 * From the peers to the TUN device.
 *
 * @module
 */
import { allocateFixed, type FixedMemory } from "../../host/fixed_memory.ts";
import { libc } from "../../host/libc.ts";
import { Coalescer } from "./coalescer.ts";
import { COUNTER, type CounterMemory } from "./counters.ts";
import { decrementTtl, ipv4Length } from "./ip_header.ts";
import { type PacketMemory, packetMemory } from "./packet_memory.ts";
import { TUN_WRITER_ROOM, TunWriter } from "./tun_writer.ts";

/** Messages received in one system call. */
const SLOTS = 16;
/** The largest message; with `UDP_GRO` it holds many datagrams. */
const SLOT = 65_536;
/** Calls before the other direction has its turn. */
const BUDGET = 4;

const MSGHDR = 64;
const IOVEC = 16;
/** A control message with one `int`, padded. */
const CONTROL = 24;
const SOL_UDP = 17;
const UDP_GRO = 104;
const MSG_DONTWAIT = 0x40;

/** How {@linkcode Inbound} is made. */
export interface InboundOptions {
  /** TUN device. */
  readonly tun: number;
  /** UDP socket. */
  readonly socket: number;
  /** Whether the device takes packets that are to be cut up. */
  readonly merges: boolean;
  readonly counters: CounterMemory;
}

/** Receives datagrams, each an IPv4 packet, and writes them to the device. */
export class Inbound {
  readonly #socket: number;
  readonly #counters: CounterMemory;
  readonly #fixed: FixedMemory;
  readonly #memory: PacketMemory;
  readonly #messages: number;
  readonly #controls: number;
  readonly #messageBytes: Uint8Array<ArrayBuffer>;
  readonly #writer: TunWriter;
  readonly #coalescer: Coalescer | null;

  constructor({ tun, socket, merges, counters }: InboundOptions) {
    this.#socket = socket;
    this.#counters = counters;
    const vectors = SLOTS * SLOT;
    this.#controls = vectors + SLOTS * IOVEC;
    this.#messages = this.#controls + SLOTS * CONTROL;
    const room = this.#messages + SLOTS * MSGHDR;
    this.#fixed = allocateFixed(room + TUN_WRITER_ROOM);
    this.#memory = packetMemory(this.#fixed.buffer);
    this.#messageBytes = this.#memory.u8.subarray(this.#messages, room);
    this.#writer = new TunWriter(
      tun,
      this.#fixed,
      this.#memory,
      room,
      counters,
    );
    this.#coalescer = merges ? new Coalescer(this.#memory, this.#writer) : null;
    this.#layOut(vectors);
  }

  /** Moves packets until there are none, or enough for one turn. */
  pump(): void {
    const { recvmmsg } = libc();
    for (let call = 0; call < BUDGET; call++) {
      this.#renew();
      const count = recvmmsg(
        this.#socket,
        this.#messageBytes,
        SLOTS,
        MSG_DONTWAIT,
        null,
      );
      for (let slot = 0; slot < count; slot++) this.#take(slot);
      this.#coalescer?.flush();
      if (count < SLOTS) return;
    }
  }

  /** Cuts a message into the datagrams that the kernel had put together. */
  #take(slot: number): void {
    const { i32 } = this.#memory;
    const header = (this.#messages + slot * MSGHDR) >> 2;
    const length = i32[header + 14]!;
    const start = slot * SLOT;
    const size = this.#datagramSize(slot, i32[header + 10]!) || length;
    for (let at = 0; at < length; at += size) {
      this.#packet(start + at, Math.min(size, length - at));
    }
  }

  /** Octets of each datagram but the last, 0 when the message is one. */
  #datagramSize(slot: number, controlLength: number): number {
    if (controlLength < 20) return 0;
    const { i32 } = this.#memory;
    const control = (this.#controls + slot * CONTROL) >> 2;
    return i32[control + 2] === SOL_UDP && i32[control + 3] === UDP_GRO
      ? i32[control + 4]!
      : 0;
  }

  #packet(at: number, octets: number): void {
    const length = ipv4Length(this.#memory, at, octets);
    if (length === 0) {
      this.#counters[COUNTER.malformed]!++;
    } else if (!decrementTtl(this.#memory.u8, at)) {
      this.#counters[COUNTER.ttl]!++;
    } else if (this.#coalescer === null) {
      this.#writer.packet(at, length);
    } else this.#coalescer.take(at, length);
  }

  /** Gives every message its control room back, which the kernel took. */
  #renew(): void {
    const { i32 } = this.#memory;
    for (let slot = 0; slot < SLOTS; slot++) {
      i32[((this.#messages + slot * MSGHDR) >> 2) + 10] = CONTROL;
    }
  }

  #layOut(vectors: number): void {
    const { low, high } = this.#fixed;
    const { i32 } = this.#memory;
    for (let slot = 0; slot < SLOTS; slot++) {
      const vector = vectors + slot * IOVEC;
      i32[vector >> 2] = low + slot * SLOT;
      i32[(vector >> 2) + 1] = high;
      i32[(vector >> 2) + 2] = SLOT;
      const header = (this.#messages + slot * MSGHDR) >> 2;
      i32[header + 4] = low + vector;
      i32[header + 5] = high;
      i32[header + 6] = 1;
      i32[header + 8] = low + this.#controls + slot * CONTROL;
      i32[header + 9] = high;
    }
  }
}
