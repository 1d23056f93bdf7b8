import { parseIpv4 } from "../flannel/address.ts";
import { libc } from "./libc.ts";
import { inNetns } from "./netns.ts";
import { SystemError } from "./system_error.ts";

const AF_INET = 2;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;

/** Octets of `struct sockaddr_in`. */
export const SOCKADDR_IN = 16;

/** How {@linkcode openDatagramSocket} opens a socket. */
export interface DatagramSocketOptions {
  /** IPv4 address to bind to. */
  readonly address: string;
  readonly port: number;
  /** Kernel's buffer for each direction, in octets. */
  readonly buffer: number;
  /** Network namespace by name or path. @default the thread's own */
  readonly netns?: string;
}

/** A bound UDP socket over IPv4. */
export interface DatagramSocket {
  /** Non-blocking. */
  readonly fd: number;
  /** Whether one message may carry many datagrams out, `UDP_SEGMENT`. */
  readonly segments: boolean;
  /** Whether messages may carry many datagrams in, `UDP_GRO`. */
  readonly coalesces: boolean;
}

/**
 * Opens and binds a UDP socket and turns on the segmentation offloads that the
 * kernel has: sending since Linux 4.18, receiving since 5.0, `udp(7)`.
 *
 * @throws {SystemError} With EADDRINUSE when the port is taken, EADDRNOTAVAIL
 * when the host lacks the address.
 */
export function openDatagramSocket(
  options: DatagramSocketOptions,
): DatagramSocket {
  const { address, port, netns } = options;
  const make = () => libc().socket(AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  const fd = netns === undefined ? make() : inNetns(netns, make);
  if (fd < 0) throw new SystemError("open UDP socket");
  try {
    if (libc().bind(fd, socketAddress(address, port), SOCKADDR_IN) !== 0) {
      throw new SystemError(`listen on ${address}:${port}`);
    }
  } catch (error) {
    libc().close(fd);
    throw error;
  }
  // Only CAP_NET_ADMIN may pass rmem_max; without it, as much as is allowed.
  if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, options.buffer)) {
    set(fd, SOL_SOCKET, SO_RCVBUF, options.buffer);
  }
  if (!set(fd, SOL_SOCKET, SO_SNDBUFFORCE, options.buffer)) {
    set(fd, SOL_SOCKET, SO_SNDBUF, options.buffer);
  }
  return {
    fd,
    segments: has(fd, SOL_UDP, UDP_SEGMENT),
    coalesces: set(fd, SOL_UDP, UDP_GRO, 1),
  };
}

/**
 * `struct sockaddr_in` of an IPv4 address in text.
 *
 * @throws {SyntaxError} When it is none.
 */
export function socketAddress(
  address: string,
  port: number,
): Uint8Array<ArrayBuffer> {
  const value = parseIpv4(address);
  if (value === null) {
    throw new SyntaxError(
      `Cannot parse address: expected IPv4, got "${address}"`,
    );
  }
  const bytes = new Uint8Array(SOCKADDR_IN);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  view.setUint32(4, value);
  return bytes;
}

function set(fd: number, level: number, name: number, value: number): boolean {
  const bytes = new Uint8Array(new Uint32Array([value]).buffer);
  return libc().setsockopt(fd, level, name, bytes, 4) === 0;
}

function has(fd: number, level: number, name: number): boolean {
  const value = new Uint8Array(4);
  const length = new Uint8Array(new Uint32Array([4]).buffer);
  return libc().getsockopt(fd, level, name, value, length) === 0;
}
