import { libc } from "./libc.ts";
import { SystemError } from "./system_error.ts";

const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;

/** The value that one signal adds. */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/**
 * Opens an `eventfd(2)`: readable from a {@linkcode signalWakeup} on until
 * {@linkcode takeWakeups}, from any thread of the process.
 *
 * @returns Its descriptor, which the caller closes
 * @throws {SystemError} When the process has no descriptor left.
 */
export function openWakeup(): number {
  const fd = libc().eventfd(0, EFD_CLOEXEC_NONBLOCK);
  if (fd < 0) throw new SystemError("open eventfd");
  return fd;
}

/** Makes the descriptor readable. */
export function signalWakeup(fd: number): void {
  if (libc().write(fd, ONE, 8n) !== 8) throw new SystemError("signal eventfd");
}

/** How many signals came since the last time; none is 0. */
export function takeWakeups(fd: number): number {
  const value = new BigUint64Array(1);
  const read = libc().read(fd, new Uint8Array(value.buffer), 8n);
  return read === 8 ? Number(value[0]) : 0;
}
