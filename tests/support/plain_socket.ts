import { socketAddress } from "../../host/datagram_socket.ts";
import { errno, libc } from "../../host/libc.ts";
import { inNetns } from "../../host/netns.ts";
import { SystemError } from "../../host/system_error.ts";

const AF_INET = 2;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000;
const EAGAIN = 11;

const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;

/** A UDP socket in a namespace, one datagram a call and nothing clever. */
export class PlainSocket implements Disposable {
  readonly fd: number;
  readonly #buffer = new Uint8Array(65_536);

  constructor(netns: string, address: string, port: number) {
    this.fd = inNetns(
      netns,
      () => libc().socket(AF_INET, SOCK_DGRAM_NONBLOCK, 0),
    );
    if (libc().bind(this.fd, socketAddress(address, port), 16) !== 0) {
      const error = new SystemError(`bind ${address}:${port}`);
      this[Symbol.dispose]();
      throw error;
    }
    this.set(SOL_SOCKET, SO_RCVBUFFORCE, 4 * 1024 * 1024);
  }

  /** Sets an option that is a number. */
  set(level: number, name: number, value: number): void {
    const bytes = new Uint8Array(new Int32Array([value]).buffer);
    if (libc().setsockopt(this.fd, level, name, bytes, 4) !== 0) {
      throw new SystemError("set socket option");
    }
  }

  send(bytes: Uint8Array<ArrayBuffer>, address: string, port: number): void {
    const to = socketAddress(address, port);
    const size = BigInt(bytes.length);
    if (libc().sendto(this.fd, bytes, size, 0, to, 16) < 0) {
      throw new SystemError(`send to ${address}:${port}`);
    }
  }

  /** A datagram that is there, or null. */
  take(): Uint8Array<ArrayBuffer> | null {
    const length = libc().recv(this.fd, this.#buffer, 65_536n, 0);
    if (length >= 0) return this.#buffer.slice(0, length);
    const number = errno();
    if (number === EAGAIN) return null;
    throw new SystemError("receive", number);
  }

  /** The next datagram, or null when none comes in time. */
  async receive(
    milliseconds = 30_000,
  ): Promise<Uint8Array<ArrayBuffer> | null> {
    const end = performance.now() + milliseconds;
    for (;;) {
      const datagram = this.take();
      if (datagram !== null || performance.now() > end) return datagram;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  [Symbol.dispose](): void {
    libc().close(this.fd);
  }
}
