import type { Family } from "../flannel/kernel.ts";
import {
  ECHO_SIZE,
  type EchoIdentity,
  readEcho,
  writeEcho,
} from "./icmp_packet.ts";
import { libc } from "./libc.ts";
import { ipBytes } from "./netlink/ip_bytes.ts";
import { addressFamilyOf, ipText } from "./netlink/ip_text.ts";
import { inNetns } from "./netns.ts";
import { PacketBatch } from "./packet_batch.ts";
import { runSweep } from "./sweep.ts";
import { SystemError } from "./system_error.ts";

/** What {@linkcode probeEcho} asks, and how patiently. */
export interface EchoProbeOptions {
  /** Own address that the requests come from; its family is the probe's. */
  readonly source: string;
  /** Addresses of the same family; one named twice is asked once. */
  readonly targets: readonly string[];
  /** Wait after the last request of a pass. @default 500 */
  readonly timeoutMs?: number;
  /** Further passes over those that stayed silent. @default 2 */
  readonly retries?: number;
  /** Device that the requests must leave by. @default by the routes */
  readonly device?: string;
  /** Most requests in a second. @default 5000 */
  readonly ratePerSecond?: number;
  /** Network namespace by name or path. @default the thread's own */
  readonly netns?: string;
}

/** What an echo probe heard. */
export interface EchoProbe {
  /** Whether each target answered, in the order asked. */
  readonly reached: Map<string, boolean>;
  readonly elapsedMs: number;
}

const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const SO_RCVBUFFORCE = 33;
const EAGAIN = 11;
const SLOTS = 128;
/** An IPv4 header with options, and the echo. */
const PACKET_SIZE = 96;

/** Numbers in which ICMP over IPv4 and IPv6 differ. */
const PROTOCOLS = {
  4: {
    protocol: 1,
    addressSize: 16,
    addressOffset: 4,
    // SOL_RAW, ICMP_FILTER: a set bit keeps that type out.
    filter: { level: 255, name: 1, value: new Uint32Array([~1]) },
  },
  6: {
    protocol: 58,
    addressSize: 28,
    addressOffset: 8,
    // SOL_ICMPV6, ICMPV6_FILTER: 256 bits, all set but that of type 129.
    filter: {
      level: 58,
      name: 1,
      value: new Uint32Array(8).fill(~0).fill(~2, 4, 5),
    },
  },
} as const;

/**
 * Sends ICMP echo requests from one address to any number of targets in one
 * paced pass, and tells who answered. A reply counts when it comes from the
 * address asked and carries this probe's identifier, sequence number and
 * nonce. A target the kernel refuses to send to (no route, a filter) counts as
 * silent.
 *
 * Routers between are part of the question: from the own bridge address to a
 * peer's bridge address, a reply proves that both directions are forwarded.
 *
 * @throws {SyntaxError} When an address cannot be parsed or is of the other
 * family.
 * @throws {SystemError} When the source is not an address of this host, or raw
 * sockets are not permitted (`CAP_NET_RAW`).
 */
export async function probeEcho(options: EchoProbeOptions): Promise<EchoProbe> {
  const source = ipBytes(options.source);
  const family: Family = source.length === 4 ? 4 : 6;
  const targets = [...new Set(options.targets)].map((address) => ({
    address,
    canonical: canonical(address, family),
    socketAddress: socketAddress(ipBytes(address)),
    reached: false,
  }));
  const open = () => openSocket(family, source, options);
  using socket = options.netns === undefined
    ? open()
    : inNetns(options.netns, open);
  const identity = newIdentity();
  const { addressSize, addressOffset } = PROTOCOLS[family];
  const outgoing = new PacketBatch(SLOTS, ECHO_SIZE);
  const incoming = new PacketBatch(SLOTS, PACKET_SIZE);

  function send(positions: readonly number[]): number {
    const chosen = positions.slice(0, SLOTS);
    for (const [slot, position] of chosen.entries()) {
      writeEcho(outgoing.packet(slot), family, identity, position);
      const target = targets[position];
      if (target) outgoing.address(slot).set(target.socketAddress);
    }
    const { sent, errno } = outgoing.send(
      socket.fd,
      chosen.length,
      ECHO_SIZE,
      addressSize,
    );
    // A refusal concerns one target: go on behind it, ask again next pass.
    return errno === 0 || errno === EAGAIN ? sent : sent + 1;
  }

  function receive(): void {
    let count: number;
    do {
      count = incoming.receive(socket.fd);
      for (let slot = 0; slot < count; slot++) {
        const length = Math.min(incoming.received(slot), PACKET_SIZE);
        const packet = incoming.packet(slot).subarray(0, length);
        const position = readEcho(packet, family, identity);
        const target = position === null ? undefined : targets[position];
        if (target === undefined) continue;
        const from = ipText(
          incoming.address(slot),
          addressOffset,
          source.length,
        );
        if (from === target.canonical) target.reached = true;
      }
    } while (count === SLOTS);
  }

  const elapsedMs = await runSweep({
    count: targets.length,
    timeoutMs: options.timeoutMs ?? 500,
    retries: options.retries ?? 2,
    ratePerSecond: options.ratePerSecond ?? 5000,
    lingerMs: 0,
    answered: (position) => targets[position]?.reached !== false,
    send,
    receive,
  });
  const reached = new Map(
    targets.map((target) => [target.address, target.reached]),
  );
  return { reached, elapsedMs };
}

function newIdentity(): EchoIdentity {
  const random = crypto.getRandomValues(new Uint8Array(18));
  return {
    id: (random[16] ?? 0) << 8 | (random[17] ?? 0),
    nonce: random.subarray(0, 16),
  };
}

function canonical(address: string, family: Family): string {
  const bytes = ipBytes(address);
  if ((bytes.length === 4) === (family === 4)) return ipText(bytes);
  throw new SyntaxError(
    `Cannot probe by echo: expected an IPv${family} address, got "${address}"`,
  );
}

interface RawSocket extends Disposable {
  readonly fd: number;
}

function openSocket(
  family: Family,
  source: Uint8Array<ArrayBuffer>,
  options: EchoProbeOptions,
): RawSocket {
  const { protocol, filter } = PROTOCOLS[family];
  const fd = libc().socket(addressFamilyOf(family), SOCK_RAW_CLOEXEC, protocol);
  if (fd < 0) throw new SystemError("open raw socket");
  const set = (level: number, name: number, value: Uint8Array<ArrayBuffer>) =>
    libc().setsockopt(fd, level, name, value, value.length) === 0;
  try {
    set(filter.level, filter.name, new Uint8Array(filter.value.buffer));
    set(
      SOL_SOCKET,
      SO_RCVBUFFORCE,
      new Uint8Array(new Uint32Array([4 * 1024 * 1024]).buffer),
    );
    const device = new TextEncoder().encode((options.device ?? "") + "\0");
    if (options.device && !set(SOL_SOCKET, SO_BINDTODEVICE, device)) {
      throw new SystemError(`bind raw socket to "${options.device}"`);
    }
    const address = socketAddress(source);
    if (libc().bind(fd, address, address.length) !== 0) {
      throw new SystemError(`bind raw socket to ${options.source}`);
    }
    return { fd, [Symbol.dispose]: () => void libc().close(fd) };
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

/** `struct sockaddr_in` or `struct sockaddr_in6`, port and scope zero. */
function socketAddress(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const family: Family = bytes.length === 4 ? 4 : 6;
  const { addressSize, addressOffset } = PROTOCOLS[family];
  const address = new Uint8Array(addressSize);
  new DataView(address.buffer).setUint16(0, addressFamilyOf(family), true);
  address.set(bytes, addressOffset);
  return address;
}
