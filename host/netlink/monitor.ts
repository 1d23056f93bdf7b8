import { libc } from "../libc.ts";
import { SystemError } from "../system_error.ts";
import * as k from "./constants.ts";
import { decodeEvent, decodeNetfilterEvent } from "./decode_event.ts";
import { DeviceNames } from "./device_names.ts";
import { MessageReader } from "./message_reader.ts";
import type { MonitorEvent } from "./monitor_events.ts";
import { Netlink } from "./netlink.ts";
import { NetlinkSocket } from "./netlink_socket.ts";

export type * from "./monitor_events.ts";

const NFNLGRP_NFTABLES = 7;
const EFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const POLLIN = 1;
/** `struct pollfd`. */
const POLLFD = 8;
/** Most datagrams read at one go, so that a storm cannot hold the process. */
const READ_LIMIT = 512;

/** What to watch. */
export interface MonitorOptions {
  readonly links?: boolean;
  readonly addresses?: boolean;
  readonly routes?: boolean;
  /** Neighbours and forwarding entries, which share a group. */
  readonly neighbours?: boolean;
  readonly rules?: boolean;
  /** Commits to nftables, by iptables-nft too. */
  readonly netfilter?: boolean;
  /** Ends the monitor. */
  readonly signal?: AbortSignal;
  /** Network namespace by name or path. @default the thread's own */
  readonly netns?: string;
  /** Kernel's receive buffer in bytes. @default 8 MiB */
  readonly receiveBuffer?: number;
  /**
   * Netlink port whose changes, but for links', are not told of: one's own
   * would wake for nothing, and ten thousand overrun the buffer. @default none
   */
  readonly ignorePort?: number;
}

/**
 * Watches the kernel's network state. Events queue in the kernel from the call
 * on, so that a dump made after it misses nothing.
 *
 * @throws {SystemError} When the kernel refuses.
 */
export function openMonitor(options: MonitorOptions): Monitor {
  return new Monitor(options);
}

/**
 * Events of the kernel's network state, in order. Iterate it, or take whole
 * batches with {@linkcode Monitor.read}. While a read waits, one thread of the
 * runtime sleeps in `poll(2)`: an event reaches the reader in well under a
 * millisecond, and nothing runs when there is none.
 *
 * The kernel does not tell of everything: IPv4 routes that go because their
 * device or address went are removed in silence. Read the routes again after a
 * link or address event.
 */
export class Monitor implements AsyncIterable<MonitorEvent>, AsyncDisposable {
  readonly #route: NetlinkSocket;
  readonly #netfilter: NetlinkSocket | null;
  readonly #names = new DeviceNames();
  readonly #wantLinks: boolean;
  readonly #wake: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.#stop();
  #stopping = false;
  #closed = false;
  #reading: Promise<MonitorEvent[] | null> | undefined;

  constructor(options: MonitorOptions) {
    const { netns, signal, receiveBuffer, ignorePort } = options;
    const common = {
      ...(netns === undefined ? {} : { netns }),
      ...(receiveBuffer === undefined ? {} : { receiveBuffer }),
    };
    this.#wantLinks = options.links === true;
    using cleanup = new DisposableStack();
    this.#route = cleanup.use(
      new NetlinkSocket({
        ...common,
        protocol: k.NETLINK_ROUTE,
        groups: routeGroups(options),
        ...(ignorePort === undefined ? {} : { ignorePort }),
      }),
    );
    this.#netfilter = options.netfilter === true
      ? cleanup.use(
        new NetlinkSocket({
          ...common,
          protocol: k.NETLINK_NETFILTER,
          groups: [NFNLGRP_NFTABLES],
        }),
      )
      : null;
    using netlink = new Netlink(netns === undefined ? {} : { netns });
    for (const link of netlink.links()) this.#names.set(link.index, link.name);
    this.#wake = libc().eventfd(0, EFD_NONBLOCK_CLOEXEC);
    if (this.#wake < 0) throw new SystemError("make a wake-up descriptor");
    cleanup.move();
    this.#signal = signal;
    if (signal?.aborted === true) this.#stop();
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /**
   * Waits for events and returns all there are; null when the monitor has been
   * closed or aborted. One read at a time.
   */
  read(): Promise<MonitorEvent[] | null> {
    if (this.#reading !== undefined) {
      throw new Error("Cannot read monitor: another read is waiting");
    }
    this.#reading = this.#read().finally(() => this.#reading = undefined);
    return this.#reading;
  }

  /** Events one by one, until the monitor is closed or aborted. */
  async *[Symbol.asyncIterator](): AsyncGenerator<MonitorEvent> {
    for (;;) {
      const events = await this.read();
      if (events === null) return;
      yield* events;
    }
  }

  /** Ends a waiting read and closes the sockets. */
  async close(): Promise<void> {
    this.#stop();
    try {
      await this.#reading;
    } finally {
      this.#release();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #read(): Promise<MonitorEvent[] | null> {
    for (;;) {
      if (this.#stopping) {
        this.#release();
        return null;
      }
      const events = this.#drain();
      if (events.length > 0) return events;
      await this.#wait();
    }
  }

  /** Everything that is queued now, as far as it concerns the reader. */
  #drain(): MonitorEvent[] {
    const events: MonitorEvent[] = [];
    this.#drainSocket(this.#route, events, (message) => {
      const event = decodeEvent(message, this.#names);
      return event?.type === "link" && !this.#wantLinks ? null : event;
    });
    if (this.#netfilter !== null) {
      this.#drainSocket(this.#netfilter, events, decodeNetfilterEvent);
    }
    return events;
  }

  #drainSocket(
    socket: NetlinkSocket,
    events: MonitorEvent[],
    decode: (message: MessageReader) => MonitorEvent | null,
  ): void {
    for (let count = 0; count < READ_LIMIT; count++) {
      const datagram = socket.receive(false);
      if (datagram === "empty") return;
      if (datagram === "overrun") {
        events.push({ type: "overrun" });
        continue;
      }
      try {
        const message = new MessageReader(datagram);
        while (message.next()) {
          const event = decode(message);
          if (event !== null) events.push(event);
        }
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        // A message that cannot be read is one that was lost.
        events.push({ type: "overrun" });
      }
    }
  }

  async #wait(): Promise<void> {
    const descriptors = [this.#wake, this.#route.fd];
    if (this.#netfilter !== null) descriptors.push(this.#netfilter.fd);
    const polls = new Uint8Array(descriptors.length * POLLFD);
    const view = new DataView(polls.buffer);
    for (const [index, fd] of descriptors.entries()) {
      view.setInt32(index * POLLFD, fd, true);
      view.setInt16(index * POLLFD + 4, POLLIN, true);
    }
    // A signal may end the poll early; the caller then finds nothing and waits.
    await libc().poll_nonblocking(polls, BigInt(descriptors.length), -1);
  }

  #stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    // Counted up, the descriptor is readable, which ends the poll.
    libc().write(this.#wake, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]), 8n);
  }

  #release(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#route.close();
    this.#netfilter?.close();
    libc().close(this.#wake);
  }
}

/** Links are always joined: names come from them. */
function routeGroups(options: MonitorOptions): number[] {
  const groups = [k.RTNLGRP_LINK];
  if (options.addresses) {
    groups.push(k.RTNLGRP_IPV4_IFADDR, k.RTNLGRP_IPV6_IFADDR);
  }
  if (options.routes) {
    groups.push(k.RTNLGRP_IPV4_ROUTE, k.RTNLGRP_IPV6_ROUTE);
  }
  if (options.neighbours) groups.push(k.RTNLGRP_NEIGH);
  if (options.rules) groups.push(k.RTNLGRP_IPV4_RULE, k.RTNLGRP_IPV6_RULE);
  return groups;
}
