import { libc } from "../libc.ts";
import { inNetns } from "../netns.ts";
import { entriesHash, GET_ENTRIES_HEAD } from "./legacy_entries.ts";
import { legacyTables } from "./legacy_tables.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const IPPROTO_RAW = 255;
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
/** `IPT_SO_GET_INFO` and `IP6T_SO_GET_INFO`, `linux/netfilter_ipv4/ip_tables.h`. */
const SO_GET_INFO = 64;
/** `IPT_SO_GET_ENTRIES` and `IP6T_SO_GET_ENTRIES`. */
const SO_GET_ENTRIES = 65;
/** `struct ipt_getinfo`, `struct ip6t_getinfo`. */
const GETINFO = 84;
/** Where the size of the entries is in it, octets. */
const INFO_SIZE = 80;
/** Octets of the table's name in it. */
const NAME = 32;

/** The order of octets in this machine's numbers. */
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Tables that flannel and Docker have rules in. */
const TABLES = ["filter", "nat"];

/**
 * To read a table's rules may take this part of the time: 30 rules take 0.1 ms
 * and are read each time, 20,000 take 32 ms and are read every ten seconds.
 */
const SHARE = 300;
/** Tables that are read at least so often are seen whole, ms. */
const OFTEN_MS = 1_000;

/** What was read of a table last. */
interface Contents {
  readonly info: string;
  readonly hash: number | null;
  /** When it may be read again, `performance.now()`. */
  readonly due: number;
  /** How long it is not read, milliseconds. */
  readonly pause: number;
}

/**
 * A cheap look at legacy iptables, which tells of no change: how many rules
 * its tables hold, where its chains begin, and what is in them. It takes three
 * system calls a table, where `iptables-save` takes a process.
 */
export class LegacyWatch implements Disposable {
  readonly #netns: string | undefined;
  readonly #sockets = new Map<4 | 6, number>();
  readonly #contents = new Map<string, Contents>();

  /** @param netns by name or path; the thread's own when absent */
  constructor(netns?: string) {
    this.#netns = netns;
  }

  /**
   * A text that is another one after a rule was added, taken away or replaced;
   * empty where there are no such tables, or they may not be looked at. One
   * replaced by another of the same size in a table of many thousand rules is
   * noticed later than at once: those are not read each time.
   */
  fingerprint(): string {
    const parts: string[] = [];
    for (const family of [4, 6] as const) {
      for (const table of this.#tables(family)) {
        const info = this.#info(family, table);
        if (info === null) continue;
        const hash = this.#hash(family, table, info);
        parts.push(`${family} ${table} ${info.toHex()} ${hash}`);
      }
    }
    return parts.join("\n");
  }

  /** Whether a change of any rule shows within a second. */
  get seesAll(): boolean {
    return [...this.#contents.values()]
      .every(({ hash, pause }) => hash !== null && pause <= OFTEN_MS);
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

  /** `struct ipt_getinfo` without the name. */
  #info(family: 4 | 6, table: string): Uint8Array | null {
    const info = this.#ask(family, table, SO_GET_INFO, GETINFO);
    return info?.subarray(NAME) ?? null;
  }

  /** Of the rules; null where the table is another one meanwhile. */
  #hash(family: 4 | 6, table: string, info: Uint8Array): number | null {
    const key = `${family} ${table}`;
    const text = info.toHex();
    const last = this.#contents.get(key);
    const started = performance.now();
    if (last?.info === text && started < last.due) return last.hash;
    const size = new DataView(info.buffer).getUint32(INFO_SIZE, LITTLE_ENDIAN);
    const length = GET_ENTRIES_HEAD + size;
    const answer = this.#ask(family, table, SO_GET_ENTRIES, length, size);
    const hash = answer === null
      ? null
      : entriesHash(family, answer.subarray(GET_ENTRIES_HEAD));
    const pause = (performance.now() - started) * SHARE;
    const due = started + pause;
    this.#contents.set(key, { info: text, hash, due, pause });
    return hash;
  }

  /** One question about a table, the name first, then the size of the answer. */
  #ask(
    family: 4 | 6,
    table: string,
    name: number,
    length: number,
    size?: number,
  ): Uint8Array<ArrayBuffer> | null {
    const socket = this.#socket(family);
    if (socket < 0) return null;
    const question = new Uint8Array(length);
    question.set(new TextEncoder().encode(table).subarray(0, NAME - 1));
    if (size !== undefined) {
      new DataView(question.buffer).setUint32(NAME, size, LITTLE_ENDIAN);
    }
    const result = libc().getsockopt(
      socket,
      family === 4 ? IPPROTO_IP : IPPROTO_IPV6,
      name,
      question,
      new Uint8Array(new Uint32Array([length]).buffer),
    );
    return result === 0 ? question : null;
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
