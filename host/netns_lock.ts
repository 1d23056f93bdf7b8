import { libc } from "./libc.ts";
import { inNetns } from "./netns.ts";
import { SystemError } from "./system_error.ts";
import { unixAddress } from "./unix_address.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;

/** A name held until disposed of. */
export interface NetnsLock extends Disposable {
  readonly name: string;
}

/**
 * Takes a name that one process at a time can hold in a network namespace.
 * It is an abstract socket address: those belong to the namespace, not to a
 * filesystem, and the kernel takes them back when the process ends, however
 * it ends.
 *
 * @param netns Network namespace by name or path. @default the thread's own
 * @returns null when somebody holds the name
 * @throws {SystemError} When the kernel refuses for another reason.
 */
export function takeNetnsLock(name: string, netns?: string): NetnsLock | null {
  const open = () => libc().socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  const fd = netns === undefined ? open() : inNetns(netns, open);
  if (fd < 0) throw new SystemError(`take the lock "${name}"`);
  const address = unixAddress(`@${name}`);
  if (libc().bind(fd, address, address.length) !== 0) {
    const error = new SystemError(`take the lock "${name}"`);
    libc().close(fd);
    if (error.code === "EADDRINUSE") return null;
    throw error;
  }
  return {
    name,
    [Symbol.dispose]() {
      libc().close(fd);
    },
  };
}
