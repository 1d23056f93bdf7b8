import { libc } from "./libc.ts";
import { inNetns } from "./netns.ts";

const AF_INET = 2;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const IPPROTO_RAW = 255;

/**
 * Opens a socket that sends whole IPv4 packets, headers included, as if this
 * host had made them (`raw(7)`). It receives nothing.
 *
 * @param netns Network namespace by name or path. @default the thread's own
 * @returns Its descriptor, which the caller closes; null without CAP_NET_RAW
 */
export function openRawSocket(netns?: string): number | null {
  const open = () =>
    libc().socket(AF_INET, SOCK_RAW_NONBLOCK_CLOEXEC, IPPROTO_RAW);
  const fd = netns === undefined ? open() : inNetns(netns, open);
  return fd < 0 ? null : fd;
}
