import { errno, libc } from "../libc.ts";
import { inNetns } from "../netns.ts";
import { SystemError } from "../system_error.ts";
import * as k from "./constants.ts";

const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const EINTR = 4;
const EAGAIN = 11;
const ENOBUFS = 105;

// linux/filter.h
const BPF_LD_B_ABS = 0x30;
const BPF_LD_W_ABS = 0x20;
const BPF_JGE_K = 0x35;
const BPF_JEQ_K = 0x15;
const BPF_RET_K = 0x06;
/** `struct sock_filter`. */
const FILTER_SIZE = 8;
/** Places in a message; no type here is above 255. */
const NLMSG_TYPE = 4;
const NLMSG_PID = 12;

/** `struct sockaddr_nl`. */
const ADDRESS_SIZE = 12;
/** A dump's datagrams are as large as the buffer asked with, up to 32 KiB. */
const INITIAL_BUFFER = 64 * 1024;

/** How a netlink socket is opened. */
export interface NetlinkSocketOptions {
  /** `NETLINK_ROUTE` or another protocol of `netlink(7)`. */
  readonly protocol: number;
  /** Multicast groups to join, 1 to 32. @default [] */
  readonly groups?: readonly number[];
  /** Network namespace by name or path. @default the thread's own */
  readonly netns?: string;
  /** Kernel's receive buffer in bytes. @default 8 MiB */
  readonly receiveBuffer?: number;
  /** Messages that this netlink port has caused are not received, links' are. */
  readonly ignorePort?: number;
  /** Longest wait for an answer, in milliseconds. @default 5000 */
  readonly timeoutMs?: number;
}

/** What a receive found: a datagram, nothing, or that some were lost. */
export type Received = Uint8Array | "empty" | "overrun";

/** A netlink socket: datagrams in and out, errors as {@linkcode SystemError}. */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  readonly #address = new Uint8Array(ADDRESS_SIZE);
  readonly #addressView = new DataView(this.#address.buffer);
  readonly #addressLength = new Uint32Array([ADDRESS_SIZE]);
  readonly #addressLengthBytes = new Uint8Array(this.#addressLength.buffer);
  #buffer = new Uint8Array(INITIAL_BUFFER);
  #open = true;
  /** Sends that another thread is at. */
  #sending = 0;
  /** Whether the kernel checks dump requests strictly (Linux 4.20 and later). */
  readonly strict: boolean;
  /** The address the kernel gave: `nlmsg_pid` of what this socket causes. */
  readonly port: number;

  /**
   * @throws {SystemError} When the kernel refuses the socket or the namespace.
   */
  constructor(options: NetlinkSocketOptions) {
    this.#fd = options.netns === undefined
      ? openSocket(options.protocol)
      : inNetns(options.netns, () => openSocket(options.protocol));
    try {
      this.strict = this.#tune(options);
      if (options.ignorePort !== undefined) this.#ignore(options.ignorePort);
      this.#bind(options.groups ?? []);
      this.port = this.#readPort();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Descriptor, for `poll(2)`. */
  get fd(): number {
    return this.#fd;
  }

  /** Sends bytes as one datagram to the kernel. */
  send(bytes: Uint8Array<ArrayBuffer>): void {
    this.#requireOpen();
    for (;;) {
      const sent = libc().send(this.#fd, bytes, BigInt(bytes.length), 0);
      if (sent >= 0) return;
      const number = errno();
      if (number !== EINTR) throw new SystemError("send to netlink", number);
    }
  }

  /**
   * As {@linkcode send}, on another thread: the kernel works through a batch
   * inside the system call, and this thread goes on meanwhile. The bytes must
   * stay as they are until the promise resolves.
   */
  async sendAside(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#requireOpen();
    this.#sending++;
    try {
      const length = BigInt(bytes.length);
      const sent = await libc().send_nonblocking(this.#fd, bytes, length, 0);
      // The other thread's errno is not to be had; nothing was sent.
      if (sent < 0 && this.#open) this.send(bytes);
    } finally {
      this.#sending--;
      if (!this.#open && this.#sending === 0) libc().close(this.#fd);
    }
  }

  /**
   * Receives one datagram from the kernel. One that is larger than the buffer
   * is lost, and the buffer grown. The bytes are valid until the next call.
   *
   * @param wait Whether to wait for one, up to the socket's time limit.
   */
  receive(wait: boolean): Received {
    this.#requireOpen();
    for (;;) {
      const length = this.#next(wait ? 0 : MSG_DONTWAIT);
      if (typeof length === "string") return length;
      // Another process may send to our port; only port 0 is the kernel.
      if (this.#addressView.getUint32(4, true) === 0) {
        return this.#buffer.subarray(0, length);
      }
    }
  }

  /** Closes the socket; a second call does nothing. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    // A number given back could be another file's when a send gets to it.
    if (this.#sending === 0) libc().close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #next(flags: number): number | "empty" | "overrun" {
    for (;;) {
      const length = this.#take(flags | MSG_TRUNC);
      if (length > this.#buffer.length) {
        this.#buffer = new Uint8Array(2 * length);
        return "overrun";
      }
      if (length >= 0) return length;
      const number = errno();
      if (number === EINTR) continue;
      if (number === ENOBUFS) return "overrun";
      if (number === EAGAIN) return "empty";
      throw new SystemError("receive from netlink", number);
    }
  }

  #take(flags: number): number {
    this.#addressLength[0] = ADDRESS_SIZE;
    return libc().recvfrom(
      this.#fd,
      this.#buffer,
      BigInt(this.#buffer.length),
      flags,
      this.#address,
      this.#addressLengthBytes,
    );
  }

  #requireOpen(): void {
    if (!this.#open) throw new Error("Cannot use netlink: socket is closed");
  }

  #tune(options: NetlinkSocketOptions): boolean {
    const size = options.receiveBuffer ?? 8 * 1024 * 1024;
    // Only CAP_NET_ADMIN may pass rmem_max; without it, as much as is allowed.
    if (!this.#set(SOL_SOCKET, SO_RCVBUFFORCE, size)) {
      this.#set(SOL_SOCKET, SO_RCVBUF, size);
    }
    this.#set(SOL_SOCKET, SO_SNDBUF, 1024 * 1024);
    this.#setTimeout(options.timeoutMs ?? 5000);
    this.#set(SOL_NETLINK, k.NETLINK_EXT_ACK, 1);
    this.#set(SOL_NETLINK, k.NETLINK_CAP_ACK, 1);
    return this.#set(SOL_NETLINK, k.NETLINK_GET_STRICT_CHK, 1);
  }

  #set(level: number, name: number, value: number): boolean {
    const bytes = new Uint8Array(new Uint32Array([value]).buffer);
    return libc().setsockopt(this.#fd, level, name, bytes, 4) === 0;
  }

  /**
   * Has the kernel drop messages by `nlmsg_pid`, with a socket filter of
   * `bpf(4)`'s instructions, which load in network order.
   */
  #ignore(port: number): void {
    const bytes = new DataView(new ArrayBuffer(4));
    bytes.setUint32(0, port, true);
    const steps = [
      [BPF_LD_B_ABS, 0, 0, NLMSG_TYPE],
      // Devices' names come from their messages, whoever caused them.
      [BPF_JGE_K, 0, 3, k.RTM_NEWADDR],
      [BPF_LD_W_ABS, 0, 0, NLMSG_PID],
      [BPF_JEQ_K, 0, 1, bytes.getUint32(0)],
      [BPF_RET_K, 0, 0, 0],
      [BPF_RET_K, 0, 0, 0xffffffff],
    ] as const;
    const program = new Uint8Array(FILTER_SIZE * steps.length);
    const view = new DataView(program.buffer);
    for (const [index, [code, yes, no, operand]] of steps.entries()) {
      view.setUint16(index * FILTER_SIZE, code, true);
      view.setUint8(index * FILTER_SIZE + 2, yes);
      view.setUint8(index * FILTER_SIZE + 3, no);
      view.setUint32(index * FILTER_SIZE + 4, operand, true);
    }
    // struct sock_fprog: a length and, aligned, a pointer.
    const head = new BigUint64Array([
      BigInt(steps.length),
      Deno.UnsafePointer.value(Deno.UnsafePointer.of(program)),
    ]);
    const fd = this.#fd;
    const value = new Uint8Array(head.buffer);
    const done = libc().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, value, 16);
    if (done !== 0) throw new SystemError("filter netlink messages");
  }

  #setTimeout(milliseconds: number): void {
    const time = new BigInt64Array([
      BigInt(Math.floor(milliseconds / 1000)),
      BigInt(milliseconds % 1000) * 1000n,
    ]);
    const bytes = new Uint8Array(time.buffer);
    libc().setsockopt(this.#fd, SOL_SOCKET, SO_RCVTIMEO, bytes, bytes.length);
  }

  #bind(groups: readonly number[]): void {
    const address = new Uint8Array(ADDRESS_SIZE);
    const view = new DataView(address.buffer);
    view.setUint16(0, k.AF_NETLINK, true);
    let mask = 0;
    for (const group of groups) mask |= 1 << (group - 1);
    view.setUint32(8, mask >>> 0, true);
    if (libc().bind(this.#fd, address, ADDRESS_SIZE) !== 0) {
      throw new SystemError("bind netlink socket");
    }
  }

  #readPort(): number {
    const address = new Uint8Array(ADDRESS_SIZE);
    const length = new Uint8Array(new Uint32Array([ADDRESS_SIZE]).buffer);
    if (libc().getsockname(this.#fd, address, length) !== 0) {
      throw new SystemError("read netlink address");
    }
    return new DataView(address.buffer).getUint32(4, true);
  }
}

function openSocket(protocol: number): number {
  const fd = libc().socket(k.AF_NETLINK, SOCK_RAW_CLOEXEC, protocol);
  if (fd < 0) throw new SystemError("open netlink socket");
  return fd;
}
