/**
 * What the agent and the workers of the packet path say to one another.
 *
 * @module
 */
import type { CounterMemory } from "./counters.ts";
import type { PeerTable } from "./peer_table.ts";

/** The first message to a worker. Descriptors are the process's. */
export interface WorkerStart {
  readonly type: "start";
  /** TUN device. */
  readonly tun: number;
  /** UDP socket. */
  readonly socket: number;
  /** `eventfd(2)`, signalled once after each further message. */
  readonly wakeup: number;
  /** Port of every peer. */
  readonly port: number;
  /** The tunnel's address, unsigned 32-bit. */
  readonly address: number;
  /** Raw socket for ICMP messages, or null for none. */
  readonly answers: number | null;
  /** Whether the socket takes messages of many datagrams. */
  readonly segments: boolean;
  /** Whether the device takes packets that are to be cut up. */
  readonly merges: boolean;
  readonly peers: PeerTable;
  readonly counters: CounterMemory;
}

/** A message to a worker. */
export type ToWorker =
  | WorkerStart
  | { readonly type: "peers"; readonly peers: PeerTable }
  | { readonly type: "stop" };

/** A message from a worker. */
export type FromWorker =
  /** It moves packets from now on. */
  | { readonly type: "running" }
  /** The TUN device was deleted; the worker only waits to be stopped. */
  | { readonly type: "device-gone" }
  /** It touches no descriptor any more. */
  | { readonly type: "stopped" };
