import { libc } from "./libc.ts";
import { SystemError } from "./system_error.ts";

const O_RDONLY_CLOEXEC = 0o2000000;
const CLONE_NEWNET = 0x40000000;

/** Where iproute2 keeps named network namespaces. */
const NAMED = "/var/run/netns/";

/**
 * Opens a network namespace file and returns its descriptor, which the caller
 * closes.
 *
 * @param netns Name as in `ip netns`, or a path such as `/proc/812/ns/net`.
 * @throws {SystemError} When there is no such namespace.
 */
export function openNetns(netns: string): number {
  const path = netns.includes("/") ? netns : NAMED + netns;
  const bytes = new TextEncoder().encode(path + "\0");
  const fd = libc().open(bytes, O_RDONLY_CLOEXEC);
  if (fd < 0) throw new SystemError(`open network namespace "${netns}"`);
  return fd;
}

/**
 * Runs a synchronous function with this thread inside another network
 * namespace, and comes back whatever happens. A socket opened inside stays in
 * that namespace for its life (`setns(2)`), which is what this is for.
 *
 * @param netns Name as in `ip netns`, or a path.
 * @param body Must not return a promise: other work of this thread would
 * continue in the wrong namespace.
 * @throws {SystemError} When the namespace is missing or may not be entered.
 */
export function inNetns<T>(netns: string, body: () => T): T {
  const here = openNetns("/proc/thread-self/ns/net");
  try {
    const there = openNetns(netns);
    try {
      enter(there, netns);
    } finally {
      libc().close(there);
    }
    try {
      return refusePromise(body());
    } finally {
      enter(here, "the former one");
    }
  } finally {
    libc().close(here);
  }
}

function enter(fd: number, name: string): void {
  if (libc().setns(fd, CLONE_NEWNET) !== 0) {
    throw new SystemError(`enter network namespace "${name}"`);
  }
}

function refusePromise<T>(value: T): T {
  if (value instanceof Promise) {
    throw new TypeError(
      "Cannot run in a network namespace: the function returned a promise, expected a synchronous one",
    );
  }
  return value;
}
