/**
 * From the TUN device to the peers.
 *
 * @module
 */
import { SOCKADDR_IN } from "../../host/datagram_socket.ts";
import { libc } from "../../host/libc.ts";
import { VNET_HEADER } from "../../host/tun.ts";
import { COUNTER, type CounterMemory } from "./counters.ts";
import { addressAt, decrementTtl, ipv4Length } from "./ip_header.ts";
import { packetMemory } from "./packet_memory.ts";
import { findPeer, NO_PEERS, type PeerTable } from "./peer_table.ts";
import { completeChecksum, segmentTcp, segmentUdp } from "./segment.ts";
import { SendQueue } from "./send_queue.ts";
import { UNREACHABLE_ROOM, writeUnreachable } from "./unreachable.ts";

/** Packets read before anything is sent. */
const SLOTS = 16;
/** The largest packet with its header, rounded up to a cache line. */
const SLOT = 65_600;
/** Octets that are sent without waiting for more packets. */
const ENOUGH = 128 * 1024;
/** Reads before the other direction has its turn. */
const BUDGET = 64;

const AF_INET = 2;
const MSG_DONTWAIT = 0x40;
const VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;
const VIRTIO_NET_HDR_GSO_NONE = 0;
const VIRTIO_NET_HDR_GSO_TCPV4 = 1;
const VIRTIO_NET_HDR_GSO_UDP_L4 = 5;
const VIRTIO_NET_HDR_GSO_ECN = 0x80;

/** How {@linkcode Outbound} is made. */
export interface OutboundOptions {
  /** TUN device. */
  readonly tun: number;
  /** UDP socket. */
  readonly socket: number;
  /** Port of every peer. */
  readonly port: number;
  /** Whether the socket takes messages of many datagrams. */
  readonly segments: boolean;
  /** The tunnel's address, unsigned 32-bit. */
  readonly address: number;
  /** Raw socket for ICMP messages, or null for none. */
  readonly answers: number | null;
  readonly counters: CounterMemory;
}

/** Reads packets of the TUN device and sends each to the peer that has it. */
export class Outbound {
  /** Who has which addresses; may be replaced between two calls. */
  peers: PeerTable = NO_PEERS;
  readonly #tun: number;
  readonly #address: number;
  readonly #counters: CounterMemory;
  readonly #queue: SendQueue;
  readonly #slots: readonly Uint8Array<ArrayBuffer>[];
  readonly #answers: number | null;
  readonly #answer = packetMemory(new ArrayBuffer(UNREACHABLE_ROOM));
  readonly #answered = new Uint8Array(SOCKADDR_IN);

  constructor(options: OutboundOptions) {
    const { socket, port, segments, counters } = options;
    this.#tun = options.tun;
    this.#address = options.address;
    this.#answers = options.answers;
    this.#answered[0] = AF_INET;
    this.#counters = counters;
    const room = SLOTS * SLOT;
    this.#queue = new SendQueue({ fd: socket, port, segments, room, counters });
    const { u8 } = this.#queue.memory;
    this.#slots = Array.from(
      { length: SLOTS },
      (_, slot) => u8.subarray(slot * SLOT, (slot + 1) * SLOT),
    );
  }

  /** Moves packets until there are none, or enough for one turn. */
  pump(): void {
    const { read } = libc();
    const size = BigInt(SLOT);
    let slot = 0;
    let octets = 0;
    for (let reads = 0; reads < BUDGET; reads++) {
      const length = read(this.#tun, this.#slots[slot]!, size);
      if (length <= 0) break;
      this.#take(slot * SLOT, length);
      octets += length;
      if (++slot < SLOTS && octets < ENOUGH) continue;
      this.#queue.flush();
      slot = 0;
      octets = 0;
    }
    this.#queue.flush();
  }

  /** Handles what was read: a virtio-net header and a packet. */
  #take(start: number, octets: number): void {
    const queue = this.#queue;
    const { memory } = queue;
    const at = start + VNET_HEADER;
    const length = ipv4Length(memory, at, octets - VNET_HEADER);
    if (length === 0) return this.#count(COUNTER.malformed);
    const publicIP = findPeer(this.peers, addressAt(memory.u8, at + 16));
    if (publicIP === 0) return this.#refuse(at, length);
    if (!decrementTtl(memory.u8, at)) return this.#count(COUNTER.ttl);
    const size = memory.u16[(start + 4) >> 1]!;
    let good = true;
    switch (memory.u8[start + 1]! & ~VIRTIO_NET_HDR_GSO_ECN) {
      case VIRTIO_NET_HDR_GSO_NONE:
        if ((memory.u8[start]! & VIRTIO_NET_HDR_F_NEEDS_CSUM) !== 0) {
          const from = memory.u16[(start + 6) >> 1]!;
          const field = memory.u16[(start + 8) >> 1]!;
          good = completeChecksum(memory, at, length, from, field);
        }
        if (good) {
          queue.reserve();
          queue.append(publicIP, at, length, at, 0);
        }
        break;
      case VIRTIO_NET_HDR_GSO_TCPV4:
        good = segmentTcp(queue, publicIP, at, length, size);
        break;
      case VIRTIO_NET_HDR_GSO_UDP_L4:
        good = segmentUdp(queue, publicIP, at, length, size);
        break;
      default:
        good = false;
    }
    if (!good) this.#count(COUNTER.malformed);
  }

  #count(counter: number): void {
    this.#counters[counter]!++;
  }

  /**
   * Answers a packet that nobody has. Not through the TUN device: what comes
   * in there from the host's own address is a martian, and dropped.
   */
  #refuse(at: number, length: number): void {
    this.#count(COUNTER.noPeer);
    if (this.#answers === null) return;
    const { memory } = this.#queue;
    const octets = writeUnreachable(
      memory,
      at,
      length,
      this.#answer,
      0,
      this.#address,
    );
    if (octets === 0) return;
    for (let i = 0; i < 4; i++) {
      this.#answered[4 + i] = memory.u8[at + 12 + i]!;
    }
    const sent = libc().sendto(
      this.#answers,
      this.#answer.u8,
      BigInt(octets),
      MSG_DONTWAIT,
      this.#answered,
      SOCKADDR_IN,
    );
    if (sent === octets) this.#count(COUNTER.unreachables);
  }
}
