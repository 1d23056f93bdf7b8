import type { ArpAnswer } from "../snapshot/facts.ts";
import { ARP_SIZE, readArpReply, writeArpRequest } from "./arp_packet.ts";
import { deviceNumber } from "./device_number.ts";
import { libc } from "./libc.ts";
import { ipBytes } from "./netlink/ip_bytes.ts";
import { macBytes } from "./netlink/mac_text.ts";
import { inNetns } from "./netns.ts";
import { PacketBatch } from "./packet_batch.ts";
import { runSweep } from "./sweep.ts";
import { SystemError } from "./system_error.ts";

/** What {@linkcode sweepArp} asks, and how patiently. */
export interface ArpSweepOptions {
  /** External interface by name. */
  readonly device: string;
  /** Own IPv4 address: the replies come to it. */
  readonly sourceAddress: string;
  /** Own MAC address. */
  readonly sourceMac: string;
  /** IPv4 addresses to ask for; one named twice is asked once. */
  readonly targets: readonly string[];
  /** Wait after the last request of a pass. @default 300 */
  readonly timeoutMs?: number;
  /** Further passes over those that stayed silent. @default 2 */
  readonly retries?: number;
  /** Most requests in a second. @default 10000 */
  readonly ratePerSecond?: number;
  /** Network namespace by name or path. @default the thread's own */
  readonly netns?: string;
}

/** What a sweep heard. */
export interface ArpSweep {
  /** One for each target, in the order asked; silence has no MACs. */
  readonly answers: ArpAnswer[];
  readonly elapsedMs: number;
}

const AF_PACKET = 17;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const ETH_P_ARP = 0x0806;
/** `struct sockaddr_ll` with a six-byte hardware address. */
const ADDRESS_SIZE = 20;
const OTHERHOST = 3;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SLOTS = 128;
/** A reply padded to Ethernet's minimum, and then some. */
const PACKET_SIZE = 64;
/** Two stations with one address answer within milliseconds of each other. */
const LINGER_MS = 100;
const ENOBUFS = 105;
const EAGAIN = 11;

/** A target and what it has answered. */
interface Target {
  readonly address: string;
  readonly bytes: Uint8Array;
  readonly macs: string[];
  replies: number;
  requests: number;
}

/**
 * Asks for any number of addresses by ARP over one packet socket, in one paced
 * sweep, and keeps every answer: all distinct MACs in the order they came, and
 * the number of replies. The kernel's own neighbour table is neither used nor
 * changed.
 *
 * The socket is of type `SOCK_DGRAM`: the kernel takes link-layer headers off,
 * 802.1Q tags included, so that a priority tag hides no answer, and tells by
 * which device a packet came in, so that answers of a VLAN on top of this one
 * are left out (`packet(7)`).
 *
 * @throws {SyntaxError} When an address or the MAC cannot be parsed.
 * @throws {SystemError} When the device is missing or packet sockets are not
 * permitted (`CAP_NET_RAW`).
 */
export async function sweepArp(options: ArpSweepOptions): Promise<ArpSweep> {
  const sender = {
    mac: macBytes(options.sourceMac),
    address: ip4Bytes(options.sourceAddress),
  };
  const targets = new Map<string, Target>();
  for (const address of options.targets) {
    if (targets.has(address)) continue;
    const bytes = ip4Bytes(address);
    targets.set(address, { address, bytes, macs: [], replies: 0, requests: 0 });
  }
  const list = [...targets.values()];
  using socket = options.netns === undefined
    ? openSocket(options.device)
    : inNetns(options.netns, () => openSocket(options.device));
  const incoming = new PacketBatch(SLOTS, PACKET_SIZE);
  const outgoing = new PacketBatch(SLOTS, ARP_SIZE);
  const elapsedMs = await runSweep({
    count: list.length,
    timeoutMs: options.timeoutMs ?? 300,
    retries: options.retries ?? 2,
    ratePerSecond: options.ratePerSecond ?? 10_000,
    lingerMs: LINGER_MS,
    answered: (target) => list[target]?.replies !== 0,
    send: (positions) => {
      const chosen = positions.slice(0, SLOTS).flatMap((at) => list[at] ?? []);
      return sendRequests(socket, outgoing, sender, chosen);
    },
    receive: () => receiveReplies(socket, incoming, sender.address, targets),
  });
  const answers = list.map(({ address, macs, replies, requests }) => ({
    address,
    macs,
    replies: requests === 0 ? 0 : replies / requests,
  }));
  return { answers, elapsedMs };
}

function sendRequests(
  socket: PacketSocket,
  batch: PacketBatch,
  sender: { readonly mac: Uint8Array; readonly address: Uint8Array },
  targets: readonly Target[],
): number {
  for (const [slot, target] of targets.entries()) {
    writeArpRequest(batch.packet(slot), sender, target.bytes);
    batch.address(slot).set(socket.broadcast);
  }
  const { sent, errno } = batch.send(
    socket.fd,
    targets.length,
    ARP_SIZE,
    ADDRESS_SIZE,
  );
  if (errno !== 0 && errno !== EAGAIN && errno !== ENOBUFS) {
    throw new SystemError("send ARP request", errno);
  }
  for (const target of targets.slice(0, sent)) target.requests++;
  return sent;
}

function receiveReplies(
  socket: PacketSocket,
  batch: PacketBatch,
  receiver: Uint8Array,
  targets: ReadonlyMap<string, Target>,
): void {
  let count: number;
  do {
    count = batch.receive(socket.fd);
    for (let slot = 0; slot < count; slot++) {
      if (!isForDevice(batch.address(slot), socket.index)) continue;
      const length = Math.min(batch.received(slot), PACKET_SIZE);
      const reply = readArpReply(
        batch.packet(slot).subarray(0, length),
        receiver,
      );
      const target = reply === null ? undefined : targets.get(reply.address);
      if (reply === null || target === undefined) continue;
      target.replies++;
      if (!target.macs.includes(reply.mac)) target.macs.push(reply.mac);
    }
  } while (count === batch.capacity);
}

/** A packet socket bound to ARP on one device. */
interface PacketSocket extends Disposable {
  readonly fd: number;
  readonly index: number;
  /** Socket address of every station on the link. */
  readonly broadcast: Uint8Array<ArrayBuffer>;
}

function openSocket(device: string): PacketSocket {
  // Opened for no protocol, so that nothing of other devices gets in before
  // bind() names the device.
  const fd = libc().socket(AF_PACKET, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) throw new SystemError("open packet socket");
  try {
    const index = deviceNumber(fd, device);
    const address = linkAddress(index);
    if (libc().bind(fd, address, ADDRESS_SIZE) !== 0) {
      throw new SystemError(`bind packet socket to "${device}"`);
    }
    enlargeBuffer(fd);
    return {
      fd,
      index,
      broadcast: address,
      [Symbol.dispose]: () => void libc().close(fd),
    };
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

/** `struct sockaddr_ll` of the broadcast address, protocol ARP. */
function linkAddress(index: number): Uint8Array<ArrayBuffer> {
  const address = new Uint8Array(ADDRESS_SIZE);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_ARP);
  view.setInt32(4, index, true);
  view.setUint8(11, 6);
  address.fill(0xff, 12, 18);
  return address;
}

/**
 * Whether a packet came in by the device itself. One for a VLAN device above it
 * bears that device's index; one of a VLAN that this host has no device for
 * counts as somebody else's (`PACKET_OTHERHOST`).
 */
function isForDevice(address: Uint8Array, index: number): boolean {
  const view = new DataView(address.buffer, address.byteOffset);
  return view.getInt32(4, true) === index && view.getUint8(10) !== OTHERHOST;
}

/** Room for the answers of a whole burst; the default holds some hundreds. */
function enlargeBuffer(fd: number): void {
  const size = new Uint8Array(new Uint32Array([4 * 1024 * 1024]).buffer);
  if (libc().setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, 4) !== 0) {
    libc().setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, 4);
  }
}

function ip4Bytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = ipBytes(text);
  if (bytes.length === 4) return bytes;
  throw new SyntaxError(
    `Cannot ask by ARP: expected an IPv4 address, got "${text}"`,
  );
}
