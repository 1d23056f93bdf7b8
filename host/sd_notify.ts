import { libc } from "./libc.ts";
import { SystemError } from "./system_error.ts";
import { unixAddress } from "./unix_address.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_NOSIGNAL = 0x4000;

/**
 * Tells the service manager about this process, `sd_notify(3)`: `READY=1`,
 * `STOPPING=1`, `STATUS=…`, one assignment a line.
 *
 * @param socket Value of `$NOTIFY_SOCKET`; nothing is done when it is empty.
 * @throws {SystemError} When the message cannot be sent.
 */
export function sdNotify(socket: string, message: string): void {
  if (socket === "") return;
  const address = unixAddress(socket);
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) throw new SystemError("open a socket to the service manager");
  try {
    const bytes = new TextEncoder().encode(message);
    const sent = libc().sendto(
      fd,
      bytes,
      BigInt(bytes.length),
      MSG_NOSIGNAL,
      address,
      address.length,
    );
    if (sent < 0) throw new SystemError("notify the service manager");
  } finally {
    libc().close(fd);
  }
}
