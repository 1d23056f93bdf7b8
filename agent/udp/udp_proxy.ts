/**
 * The udp backend's packet path as the agent sees it.
 *
 * @module
 */
import { parseIpv4 } from "../../flannel/address.ts";
import {
  type DatagramSocket,
  openDatagramSocket,
} from "../../host/datagram_socket.ts";
import { libc } from "../../host/libc.ts";
import { openRawSocket } from "../../host/raw_socket.ts";
import type { TunDevice } from "../../host/tun.ts";
import { newCounters, readCounters, type UdpCounters } from "./counters.ts";
import { PacketWorker } from "./packet_worker.ts";
import {
  buildPeerTable,
  NO_PEERS,
  type PeerTable,
  type UdpPeer,
} from "./peer_table.ts";
import {
  openTunnelDevice,
  tunnelAddress,
  type TunnelOptions,
} from "./tunnel_device.ts";

/** flannel's default port. */
export const UDP_PORT = 8285;

/** Octets the kernel holds for a worker that has no time. */
const SOCKET_BUFFER = 8 * 1024 * 1024;

/** Failures in a row after which the proxy gives up, and milliseconds without
 * one after which the row is over. */
const MOST_FAILURES = 5;
const STEADY = 60_000;
/** Milliseconds before the second attempt; each further one waits twice. */
const FIRST_PAUSE = 100;

/** How {@linkcode startUdpProxy} works. */
export interface UdpProxyOptions extends TunnelOptions {
  /** Address of the external interface, to receive and send on. */
  readonly interfaceAddress: string;
  /** Port here and at every peer. @default 8285 */
  readonly port?: number;
  /** Told of what a person may want to know. */
  readonly onEvent?: (event: UdpProxyEvent) => void;
  /** URL of the worker's module. @default the packet path's own */
  readonly worker?: URL;
}

/** Something that happened to the packet path, and was put right. */
export interface UdpProxyEvent {
  /**
   * The device was deleted by somebody and is made anew, with its address and
   * route; or the worker crashed, or could not be started again, and is
   * started again.
   */
  readonly type: "device-gone" | "failure";
  readonly message: string;
}

/** A tunnel in operation. */
export interface UdpProxy {
  /** Name of the TUN device; another one may be made when it was deleted. */
  readonly device: string;
  /**
   * Resolves after {@linkcode close}. Rejects when the packet path failed
   * again and again and was given up; the device is gone then.
   */
  readonly done: Promise<void>;
  /**
   * Replaces all peers while packets move.
   *
   * @throws {SyntaxError} When a subnet or a public IP is not IPv4; the peers
   * stay as they were.
   */
  setPeers(peers: Iterable<UdpPeer>): void;
  /** What was counted since the start. */
  counters(): UdpCounters;
  /** Ends the packet path and, with it, the device and its route. */
  close(): Promise<void>;
}

/**
 * Makes the TUN device, opens the socket and moves packets between them in a
 * worker, compatible on the wire with flannel's udp backend: one IPv4 packet a
 * datagram, the time to live decremented on both sides.
 *
 * @throws {SystemError} When the kernel refuses the device or the socket.
 * @throws {SyntaxError} When an address or a CIDR is not IPv4.
 */
export async function startUdpProxy(
  options: UdpProxyOptions,
): Promise<UdpProxy> {
  const proxy = new Proxy(options);
  await proxy.start();
  return proxy;
}

/**
 * The worker beside this file; in the executable, where this is part of a file
 * at the root, the JavaScript that `scripts/bundle.ts` makes of it.
 */
const WORKER = import.meta.url.endsWith(".ts")
  ? "./worker.ts"
  : "./agent/udp/worker.js";

class Proxy implements UdpProxy {
  readonly #options: UdpProxyOptions;
  readonly #port: number;
  readonly #address: number;
  readonly #module: URL;
  readonly #counters = newCounters();
  readonly #stop = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<void>();
  #socket: DatagramSocket | null = null;
  #answers: number | null = null;
  #tun: TunDevice | null = null;
  #device = "";
  #worker: PacketWorker | null = null;
  #peers: PeerTable = NO_PEERS;
  #closing = false;

  constructor(options: UdpProxyOptions) {
    const address = parseIpv4(tunnelAddress(options.subnet));
    if (address === null) {
      throw new SyntaxError(
        `Cannot start proxy: expected an IPv4 subnet, got "${options.subnet}"`,
      );
    }
    this.#options = options;
    this.#port = options.port ?? UDP_PORT;
    this.#address = address;
    this.#module = options.worker ?? new URL(WORKER, import.meta.url);
    this.#done.promise.catch(() => {});
  }

  get device(): string {
    return this.#device;
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }

  async start(): Promise<void> {
    const { interfaceAddress, netns } = this.#options;
    try {
      this.#socket = openDatagramSocket({
        address: interfaceAddress,
        port: this.#port,
        buffer: SOCKET_BUFFER,
        ...(netns === undefined ? {} : { netns }),
      });
      this.#answers = openRawSocket(netns);
      await this.#begin(this.#socket);
    } catch (error) {
      await this.#release();
      throw error;
    }
    this.#keep(this.#socket).then(this.#done.resolve, this.#done.reject);
  }

  setPeers(peers: Iterable<UdpPeer>): void {
    this.#peers = buildPeerTable(peers);
    this.#worker?.setPeers(this.#peers);
  }

  counters(): UdpCounters {
    return readCounters(this.#counters);
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#stop.resolve();
    await this.#done.promise.catch(() => {});
  }

  /** Makes the device unless it is there, and a worker that moves packets. */
  async #begin(socket: DatagramSocket): Promise<PacketWorker> {
    this.#tun ??= await openTunnelDevice(this.#options);
    this.#device = this.#tun.name;
    const worker = new PacketWorker(this.#module, {
      tun: this.#tun.fd,
      socket: socket.fd,
      port: this.#port,
      address: this.#address,
      answers: this.#answers,
      segments: socket.segments,
      merges: this.#tun.offloads.tcp,
      peers: this.#peers,
      counters: this.#counters,
    });
    this.#worker = worker;
    await worker.running;
    return worker;
  }

  /** Keeps a worker running until the proxy is closed. */
  async #keep(socket: DatagramSocket): Promise<void> {
    let failures = 0;
    try {
      while (!this.#closing) {
        const since = performance.now();
        try {
          await this.#watch(this.#worker ?? await this.#begin(socket));
        } catch (error) {
          this.#worker = null;
          if (performance.now() - since > STEADY) failures = 0;
          if (++failures >= MOST_FAILURES) throw error;
          this.#tell("failure", String(error));
          await this.#pause(FIRST_PAUSE * 2 ** (failures - 1));
        }
      }
    } finally {
      await this.#release();
    }
  }

  /** Waits until a worker has ended, or must. */
  async #watch(worker: PacketWorker): Promise<void> {
    const end = await Promise.race([worker.ended, this.#stop.promise]);
    await worker.stop();
    this.#worker = null;
    if (end !== "device-gone") return;
    this.#closeDevice();
    this.#tell("device-gone", `${this.#device} was deleted: making it anew`);
  }

  async #pause(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    await Promise.race([promise, this.#stop.promise]);
    clearTimeout(timer);
  }

  #tell(type: UdpProxyEvent["type"], message: string): void {
    this.#options.onEvent?.({ type, message });
  }

  async #release(): Promise<void> {
    await this.#worker?.stop();
    this.#worker = null;
    this.#closeDevice();
    if (this.#socket !== null) libc().close(this.#socket.fd);
    this.#socket = null;
    if (this.#answers !== null) libc().close(this.#answers);
    this.#answers = null;
  }

  #closeDevice(): void {
    if (this.#tun !== null) libc().close(this.#tun.fd);
    this.#tun = null;
  }
}
