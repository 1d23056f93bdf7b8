import { libc } from "../libc.ts";
import { inNetns } from "../netns.ts";
import { legacyTables } from "./legacy_tables.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const IPPROTO_RAW = 255;
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
/** `IPT_SO_GET_INFO` and `IP6T_SO_GET_INFO`, `linux/netfilter_ipv4/ip_tables.h`. */
const SO_GET_INFO = 64;
/** `struct ipt_getinfo`, `struct ip6t_getinfo`. */
const GETINFO = 84;
/** Octets of the table's name in it. */
const NAME = 32;

/** Tables that flannel and Docker have rules in. */
const TABLES = ["filter", "nat"];

/**
 * A cheap look at legacy iptables, which tells of no change: how many rules
 * its tables hold, and where its chains begin. It takes two system calls a
 * table, where `iptables-save` takes a process.
 */
export class LegacyWatch implements Disposable {
  readonly #netns: string | undefined;
  readonly #sockets = new Map<4 | 6, number>();

  /** @param netns by name or path; the thread's own when absent */
  constructor(netns?: string) {
    this.#netns = netns;
  }

  /**
   * A text that is another one after a rule was added or taken away; empty
   * where there are no such tables, or they may not be looked at. A rule
   * replaced by one of the same size goes unnoticed.
   */
  fingerprint(): string {
    const parts: string[] = [];
    for (const family of [4, 6] as const) {
      for (const table of this.#tables(family)) {
        const info = this.#info(family, table);
        if (info !== null) parts.push(`${family} ${table} ${info}`);
      }
    }
    return parts.join("\n");
  }

  /** To ask for a table that does not exist would make it. */
  #tables(family: 4 | 6): string[] {
    try {
      return legacyTables(family, this.#netns)
        .filter((table) => TABLES.includes(table)).sort();
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied) return [];
      throw error;
    }
  }

  #info(family: 4 | 6, table: string): string | null {
    const socket = this.#socket(family);
    if (socket < 0) return null;
    const info = new Uint8Array(GETINFO);
    info.set(new TextEncoder().encode(table).subarray(0, NAME - 1));
    const length = new Uint32Array([GETINFO]);
    const level = family === 4 ? IPPROTO_IP : IPPROTO_IPV6;
    const result = libc().getsockopt(
      socket,
      level,
      SO_GET_INFO,
      info,
      new Uint8Array(length.buffer),
    );
    return result === 0 ? info.subarray(NAME).toHex() : null;
  }

  #socket(family: 4 | 6): number {
    const known = this.#sockets.get(family);
    if (known !== undefined) return known;
    const open = () =>
      libc().socket(
        family === 4 ? AF_INET : AF_INET6,
        SOCK_RAW_CLOEXEC,
        IPPROTO_RAW,
      );
    const socket = this.#netns === undefined
      ? open()
      : inNetns(this.#netns, open);
    if (socket >= 0) this.#sockets.set(family, socket);
    return socket;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets.values()) libc().close(socket);
    this.#sockets.clear();
  }
}
