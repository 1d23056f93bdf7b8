/**
 * The loop of the packet path: waits in `poll(2)` and moves packets.
 *
 * @module
 */
import { errno, libc } from "../../host/libc.ts";
import { SystemError } from "../../host/system_error.ts";
import { takeWakeups } from "../../host/wakeup.ts";
import { Inbound } from "./inbound.ts";
import { Outbound } from "./outbound.ts";
import type { PeerTable } from "./peer_table.ts";
import type { WorkerStart } from "./worker_messages.ts";

const POLLIN = 1;
/** Errors that the packet path asks nobody about: POLLERR, HUP and NVAL. */
const BROKEN = 8 | 16 | 32;
const EINTR = 4;

/** `struct pollfd`: descriptor, events wanted and events found. */
const POLLFD = 8;
const WAKEUP = 0;
const SOCKET = 1;
const TUN = 2;

/** Both directions of one tunnel. */
export class PacketLoop {
  readonly #wakeup: number;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #polled: Int32Array<ArrayBuffer>;
  readonly #polledBytes: Uint8Array<ArrayBuffer>;
  #watched = 3;

  constructor(start: WorkerStart) {
    this.#wakeup = start.wakeup;
    this.#inbound = new Inbound(start);
    this.#outbound = new Outbound(start);
    this.#outbound.peers = start.peers;
    this.#polled = new Int32Array(3 * POLLFD / 4);
    this.#polledBytes = new Uint8Array(this.#polled.buffer);
    for (
      const [index, fd] of [start.wakeup, start.socket, start.tun].entries()
    ) {
      this.#polled[2 * index] = fd;
      this.#polled[2 * index + 1] = POLLIN;
    }
  }

  /** Replaces the peers. */
  set peers(peers: PeerTable) {
    this.#outbound.peers = peers;
  }

  /**
   * Moves packets, and blocks the thread, until there is something to see to.
   *
   * @returns How many wakeups came, or that the TUN device was deleted; it is
   * left alone from then on
   * @throws {SystemError} When the kernel refuses to wait.
   */
  run(): number | "device-gone" {
    for (;;) {
      const result = libc().poll(
        this.#polledBytes,
        BigInt(this.#watched),
        -1,
      );
      if (result < 0 && errno() !== EINTR) {
        throw new SystemError("wait for packets");
      }
      if (this.#events(WAKEUP) !== 0) return takeWakeups(this.#wakeup);
      if (this.#watched < 3) continue;
      const device = this.#events(TUN);
      if ((device & BROKEN) !== 0) {
        this.#watched = 1;
        return "device-gone";
      }
      if (this.#events(SOCKET) !== 0) this.#inbound.pump();
      if (device !== 0) this.#outbound.pump();
    }
  }

  #events(index: number): number {
    return this.#polled[2 * index + 1]! >>> 16;
  }
}
