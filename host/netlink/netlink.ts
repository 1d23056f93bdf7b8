import type {
  Address,
  FdbEntry,
  Link,
  Neighbour,
  PolicyRule,
  Route,
} from "../../flannel/kernel.ts";
import { applyChanges } from "./apply_changes.ts";
import {
  type ChangeResult,
  familyOfText,
  type NetlinkChange,
  type RouteQuery,
} from "./changes.ts";
import * as k from "./constants.ts";
import { decodeAddress } from "./decode_address.ts";
import { decodeLink, nameLink, type RawLink } from "./decode_link.ts";
import { decodeFdb, decodeNeighbour } from "./decode_neighbour.ts";
import { decodeRoute } from "./decode_route.ts";
import { decodeRule } from "./decode_rule.ts";
import { DeviceNames } from "./device_names.ts";
import { type KnownEntries, SeenEntries } from "./known_entries.ts";
import { type DumpRequest, NetlinkConnection } from "./netlink_connection.ts";
import { encodeRouteGet } from "./encode_route.ts";
import { deviceIndexOf } from "./device_index.ts";
import type { MessageReader } from "./message_reader.ts";

/** How {@linkcode Netlink} is opened. */
export interface NetlinkOptions {
  /** Network namespace by name or path. @default the thread's own */
  readonly netns?: string;
}

const FAMILIES = [k.AF_INET, k.AF_INET6] as const;

/** Reads one message; null when it tells of nothing that is wanted. */
type Decode<T> = (message: MessageReader, names: DeviceNames) => T | null;

/** What {@linkcode Netlink.observe} reads. */
export interface ObserveOptions {
  /** Whether neighbours and forwarding entries are of interest. */
  readonly tunnels: boolean;
  /** What is to be noted, and not read, where it is there. @default nothing */
  readonly known?: KnownEntries;
}

/** One dump of all that a host's network consists of, but for rules. */
export interface Observation {
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  /** Routes of every table, without those that are known. */
  readonly routes: readonly Route[];
  /** Without those that are known; empty where not asked for. */
  readonly neighbours: readonly Neighbour[];
  /** Without those that are known; empty where not asked for. */
  readonly fdb: readonly FdbEntry[];
  /** What is known and there. */
  readonly seen: SeenEntries;
}

/**
 * The kernel's network state over `rtnetlink(7)`: reads by dump, writes in
 * batches. Reads are synchronous (5,000 routes take a few milliseconds) and
 * need no privilege. Every read throws a `SystemError` when the kernel refuses
 * it, or when the state kept changing while it was read.
 */
export class Netlink implements Disposable {
  readonly #connection: NetlinkConnection;
  readonly #names = new DeviceNames();

  /**
   * @throws {Error} When FFI is not permitted.
   * @throws {SystemError} When the kernel refuses the socket or the namespace.
   */
  constructor(options: NetlinkOptions = {}) {
    this.#connection = new NetlinkConnection(options.netns);
  }

  /** Netlink port of this connection: `port` in the events it causes. */
  get port(): number {
    return this.#connection.port;
  }

  /** Every device of the namespace, by index. */
  links(): Link[] {
    const raw = this.#readNames();
    return raw.map((link) => nameLink(link, this.#names));
  }

  /** Every address, IPv4 and IPv6. */
  addresses(): Address[] {
    this.#readNames();
    return this.#dumpAddresses();
  }

  /** Every route of every table, IPv4 and IPv6, cache entries excluded. */
  routes(): Route[] {
    this.#readNames();
    return this.#dumpRoutes(decodeRoute);
  }

  /** Every policy rule, IPv4 and IPv6. */
  rules(): PolicyRule[] {
    return this.#dumpFamilies(k.RTM_GETRULE, 12, decodeRule);
  }

  /** Every neighbour, IPv4 and IPv6, those of state NOARP included. */
  neighbours(): Neighbour[] {
    this.#readNames();
    return this.#dumpNeighbours(decodeNeighbour);
  }

  /** Every forwarding entry of bridges, their ports and vxlan devices. */
  fdb(): FdbEntry[] {
    this.#readNames();
    return this.#dumpFdb(decodeFdb);
  }

  /** Everything at once. Of what is known no object is made. */
  observe({ tunnels, known }: ObserveOptions): Observation {
    const links = this.links();
    const seen = new SeenEntries(known ?? null);
    // A dump that is begun again drops what it gave, places too: they are
    // noted only at its end.
    const read = <T>(
      dump: (decode: Decode<T | number>) => (T | number)[],
      decode: Decode<T>,
    ): T[] => {
      if (known === undefined) return dump(decode) as T[];
      const others: T[] = [];
      const items = dump((message, names) =>
        known.find(message, names) ?? decode(message, names)
      );
      for (const item of items) {
        if (typeof item === "number") seen.add(item);
        else others.push(item);
      }
      return others;
    };
    return {
      links,
      addresses: this.#dumpAddresses(),
      routes: read((decode) => this.#dumpRoutes(decode), decodeRoute),
      neighbours: tunnels
        ? read((decode) => this.#dumpNeighbours(decode), decodeNeighbour)
        : [],
      fdb: tunnels ? read((decode) => this.#dumpFdb(decode), decodeFdb) : [],
      seen,
    };
  }

  #dumpAddresses(): Address[] {
    return this.#dumpFamilies(k.RTM_GETADDR, 8, decodeAddress);
  }

  #dumpRoutes<T extends Route | number>(decode: Decode<T>): T[] {
    return this.#dumpFamilies(k.RTM_GETROUTE, 12, decode);
  }

  #dumpNeighbours<T extends Neighbour | number>(decode: Decode<T>): T[] {
    return this.#dumpFamilies(k.RTM_GETNEIGH, 12, decode);
  }

  #dumpFdb<T extends FdbEntry | number>(decode: Decode<T>): T[] {
    return this.#dump({
      type: k.RTM_GETNEIGH,
      family: k.AF_BRIDGE,
      // Before strict checking the kernel expected `struct ifinfomsg` here.
      headerSize: this.#connection.strict ? 12 : 16,
    }, decode);
  }

  /**
   * Asks the kernel which route a packet takes, as `ip route get` does.
   *
   * @throws {SystemError} With code ENETUNREACH where there is no route, and
   * EHOSTUNREACH, EACCES or EINVAL where an unreachable, prohibit or blackhole
   * route matches.
   */
  routeGet(query: RouteQuery): Route {
    this.#readNames();
    const operation = `look up route to ${query.dst}`;
    const route = this.#connection.ask(
      operation,
      (builder, seq) =>
        encodeRouteGet(builder, query, seq, deviceIndexOf(this.#names)),
      (message) =>
        message.type === k.RTM_NEWROUTE
          ? decodeRoute(message, this.#names, true)
          : null,
    );
    if (route === null || route.family !== familyOfText(query.dst)) {
      throw new Error(`Cannot ${operation}: the kernel sent no route`);
    }
    return route;
  }

  /**
   * Sends changes in batches, in order, and reports what became of each. A
   * change that fails does not stop those after it. Between batches other work
   * of the process gets its turn.
   *
   * @param options `sameDevices`: the devices are taken to be those of the last
   * dump, which spares another; a device that is another one by now is refused
   * by the kernel with ENODEV.
   * @throws {SystemError} When the kernel cannot be talked to at all.
   */
  apply(
    changes: readonly NetlinkChange[],
    options: { readonly sameDevices?: boolean } = {},
  ): Promise<ChangeResult[]> {
    let isRead = options.sameDevices === true;
    return applyChanges(this.#connection, changes, () => {
      if (!isRead) this.#readNames();
      isRead = false;
      return this.#names;
    });
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  /** Dumps the links, and with them the names that everything else needs. */
  #readNames(): RawLink[] {
    const links = this.#dump(
      {
        type: k.RTM_GETLINK,
        family: 0,
        headerSize: 16,
        // Counters are most of a link message and nobody here reads them.
        attributes: (builder) =>
          builder.attributeU32(k.IFLA_EXT_MASK, k.RTEXT_FILTER_SKIP_STATS),
      },
      (message) => message.type === k.RTM_NEWLINK ? decodeLink(message) : null,
    );
    this.#names.clear();
    for (const link of links) this.#names.set(link.index, link.name);
    return links;
  }

  #dumpFamilies<T extends { readonly family: 4 | 6 } | number>(
    type: number,
    headerSize: number,
    decode: Decode<T>,
  ): T[] {
    return FAMILIES.flatMap((family) => {
      const wanted = family === k.AF_INET ? 4 : 6;
      // A kernel without IPv6 answers such a request with what it has.
      return this.#dump({ type, family, headerSize }, decode)
        .filter((item) => typeof item === "number" || item.family === wanted);
    });
  }

  #dump<T>(
    request: DumpRequest,
    decode: Decode<T>,
  ): T[] {
    return this.#connection.dump(
      request,
      (message) => decode(message, this.#names),
    );
  }
}
