/**
 * A udp backend as flanneld's is: one packet a read, one datagram a packet, no
 * offload anywhere. It also says what was wrong with what it was sent.
 *
 * @module
 */
import { libc } from "../../host/libc.ts";
import { inNetns } from "../../host/netns.ts";
import { SystemError } from "../../host/system_error.ts";
import { packetFaults, plainSum } from "./ip_packets.ts";
import { PlainSocket } from "./plain_socket.ts";
import type { TunnelHost } from "./tunnel_pair.ts";

const O_RDWR_NONBLOCK = 0o2 | 0o4000;
const TUNSETIFF = 0x400454can;
const IFF_TUN_NO_PI = 0x1001;
const PORT = 8285;
const MTU = 1472;

/** Runs from its making until it is disposed of. */
export class PlainProxy implements AsyncDisposable {
  /** Faults of datagrams that came, each once. */
  readonly faults = new Set<string>();
  /** Datagrams that came. */
  received = 0;
  readonly #tun: number;
  readonly #socket: PlainSocket;
  readonly #peer: string;
  readonly #buffer = new Uint8Array(MTU);
  readonly #running: Promise<void>;
  #closing = false;

  constructor(host: TunnelHost, peer: TunnelHost) {
    this.#peer = peer.address;
    this.#socket = new PlainSocket(host.netns.name, host.address, PORT);
    this.#tun = inNetns(host.netns.name, openPlainTun);
    host.netns.ip(
      `address add ${host.subnet.replace("/24", "/32")} dev flannel0`,
      `link set flannel0 mtu ${MTU} up`,
      "route add 10.77.0.0/16 dev flannel0",
    );
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    await this.#running;
    libc().close(this.#tun);
    this.#socket[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    while (!this.#closing) {
      for (let i = 0; i < 256 && this.#send(); i++);
      for (let i = 0; i < 256 && this.#receive(); i++);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #send(): boolean {
    const length = libc().read(this.#tun, this.#buffer, BigInt(MTU));
    if (length <= 0) return false;
    const packet = this.#buffer.slice(0, length);
    if (packet[0]! >> 4 === 4 && hop(packet)) {
      this.#socket.send(packet, this.#peer, PORT);
    }
    return true;
  }

  #receive(): boolean {
    const packet = this.#socket.take();
    if (packet === null) return false;
    this.received++;
    for (const fault of packetFaults(packet)) this.faults.add(fault);
    if (packet.length > MTU) this.faults.add(`${packet.length} octets`);
    if (hop(packet)) {
      libc().write(this.#tun, packet, BigInt(packet.length));
    }
    return true;
  }
}

/** Takes one off the time to live and sums the header anew. */
function hop(packet: Uint8Array): boolean {
  packet[8]!--;
  packet.fill(0, 10, 12);
  const header = packet.subarray(0, (packet[0]! & 15) * 4);
  const checksum = ~plainSum(header);
  packet[10] = checksum >> 8;
  packet[11] = checksum;
  return packet[8] !== 0;
}

function openPlainTun(): number {
  const path = new TextEncoder().encode("/dev/net/tun\0");
  const fd = libc().open(path, O_RDWR_NONBLOCK);
  const request = new Uint8Array(40);
  new TextEncoder().encodeInto("flannel0", request);
  new DataView(request.buffer).setUint16(16, IFF_TUN_NO_PI, true);
  if (fd < 0 || libc().ioctl(fd, TUNSETIFF, request) !== 0) {
    throw new SystemError("make plain TUN device");
  }
  return fd;
}
