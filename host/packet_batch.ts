import { errno, libc } from "./libc.ts";

const MSG_DONTWAIT = 0x40;
/** `struct msghdr` of 56 bytes, `msg_len` and padding, on 64-bit machines. */
const MMSGHDR = 64;
const IOVEC = 16;
const EINTR = 4;

/** Room for the address of one packet, `struct sockaddr_storage`. */
const ADDRESS = 128;

/**
 * Many packets in one system call, `sendmmsg(2)` and `recvmmsg(2)`, for
 * datagram and raw sockets. Every slot has its own buffer and address; the
 * memory is laid out once and used again for every call. Linux on 64-bit
 * machines, which is where Deno runs.
 */
export class PacketBatch {
  readonly #headers: Uint8Array<ArrayBuffer>;
  readonly #headerView: DataView;
  readonly #vectors: Uint8Array<ArrayBuffer>;
  readonly #vectorView: DataView;
  readonly #packets: Uint8Array<ArrayBuffer>;
  readonly #addresses: Uint8Array<ArrayBuffer>;
  readonly #packetSize: number;
  /** Slots. */
  readonly capacity: number;

  /**
   * @param capacity Slots, at most 1024 (`UIO_MAXIOV`).
   * @param packetSize Bytes in each slot; what is longer is cut off.
   */
  constructor(capacity: number, packetSize: number) {
    this.capacity = capacity;
    this.#packetSize = packetSize;
    this.#headers = new Uint8Array(capacity * MMSGHDR);
    this.#headerView = new DataView(this.#headers.buffer);
    this.#vectors = new Uint8Array(capacity * IOVEC);
    this.#vectorView = new DataView(this.#vectors.buffer);
    this.#packets = new Uint8Array(capacity * packetSize);
    this.#addresses = new Uint8Array(capacity * ADDRESS);
    this.#layOut();
  }

  /** Bytes of a slot. */
  packet(slot: number): Uint8Array<ArrayBuffer> {
    const start = slot * this.#packetSize;
    return this.#packets.subarray(start, start + this.#packetSize);
  }

  /** Socket address of a slot. */
  address(slot: number): Uint8Array<ArrayBuffer> {
    return this.#addresses.subarray(slot * ADDRESS, (slot + 1) * ADDRESS);
  }

  /**
   * Sends the first `count` slots in order, each `length` bytes long and to an
   * address of `addressLength` bytes, without waiting.
   *
   * @returns How many were sent; on fewer than `count`, the first unsent one's
   * error number.
   */
  send(
    fd: number,
    count: number,
    length: number,
    addressLength: number,
  ): { readonly sent: number; readonly errno: number } {
    for (let slot = 0; slot < count; slot++) {
      this.#setLengths(slot, length, addressLength);
    }
    let sent = 0;
    while (sent < count) {
      const result = libc().sendmmsg(
        fd,
        this.#headers.subarray(sent * MMSGHDR),
        count - sent,
        MSG_DONTWAIT,
      );
      if (result > 0) {
        sent += result;
        continue;
      }
      const number = errno();
      if (number !== EINTR) return { sent, errno: number };
    }
    return { sent, errno: 0 };
  }

  /**
   * Receives what is waiting, up to the capacity, without waiting.
   *
   * @returns How many slots were filled; 0 when nothing waits or on an error
   * that the next call may not meet (a pending ICMP error, a device gone down).
   */
  receive(fd: number): number {
    for (let slot = 0; slot < this.capacity; slot++) {
      this.#setLengths(slot, this.#packetSize, ADDRESS);
    }
    const received = libc().recvmmsg(
      fd,
      this.#headers,
      this.capacity,
      MSG_DONTWAIT,
      null,
    );
    return Math.max(received, 0);
  }

  /** Bytes received into a slot. */
  received(slot: number): number {
    return this.#headerView.getUint32(slot * MMSGHDR + 56, true);
  }

  #setLengths(slot: number, length: number, addressLength: number): void {
    this.#headerView.setUint32(slot * MMSGHDR + 8, addressLength, true);
    this.#vectorView.setBigUint64(slot * IOVEC + 8, BigInt(length), true);
  }

  /** Writes the pointers from headers to addresses, vectors and packets. */
  #layOut(): void {
    const vectors = pointerTo(this.#vectors);
    const packets = pointerTo(this.#packets);
    const addresses = pointerTo(this.#addresses);
    for (let slot = 0; slot < this.capacity; slot++) {
      const header = slot * MMSGHDR;
      const set = (offset: number, value: bigint) =>
        this.#headerView.setBigUint64(header + offset, value, true);
      set(0, addresses + BigInt(slot * ADDRESS));
      set(16, vectors + BigInt(slot * IOVEC));
      set(24, 1n);
      this.#vectorView.setBigUint64(
        slot * IOVEC,
        packets + BigInt(slot * this.#packetSize),
        true,
      );
    }
  }
}

function pointerTo(bytes: Uint8Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}
