/**
 * What every peer has in the kernel, as last sent.
 *
 * @module
 */
import { type Cidr, formatCidr } from "../flannel/cidr.ts";
import type {
  ExpectedState,
  WantedFdb,
  WantedRoute,
} from "../flannel/expected_types.ts";
import type { Family, FdbEntry } from "../flannel/kernel.ts";
import type { Lease } from "../flannel/lease.ts";
import { type WantedRoutes, widened } from "../flannel/route_shadow.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import {
  KnownEntries,
  type SeenEntries,
} from "../host/netlink/known_entries.ts";
import { peerChanges, type PeerState } from "./peer_changes.ts";

/** How many objects are wanted, by kind. */
export interface WantedCounts {
  readonly route: number;
  readonly neighbour: number;
  readonly fdb: number;
}

/**
 * Peers by the keys of their leases. Of thousands only the leases are kept,
 * and by what their objects are known in a dump; the objects are derived
 * again for those few that something is to be done about.
 */
export class PeerBook implements WantedRoutes {
  readonly #stateOf: (lease: Lease) => PeerState | null;
  readonly #leases = new Map<string, Lease>();
  readonly #known = new KnownEntries();
  /** Leases with something that cannot be known in a dump. */
  readonly #unknown = new Set<string>();
  /** Keys of leases by the destinations of their routes, canonical CIDRs. */
  readonly #destinations = new Map<string, string>();
  /** How many routes have a prefix of some length. */
  readonly #lengths: Readonly<Record<Family, Map<number, number>>> = {
    4: new Map(),
    6: new Map(),
  };
  /**
   * Destinations that peers want of an FDB entry, by device and MAC: nearly
   * always one.
   */
  readonly #vteps = new Map<string, string | readonly string[]>();
  #counts = { route: 0, neighbour: 0, fdb: 0 };

  /** @param stateOf what one lease asks for; null when nothing */
  constructor(stateOf: (lease: Lease) => PeerState | null) {
    this.#stateOf = stateOf;
  }

  /** By what the objects are told in a dump. */
  get known(): KnownEntries {
    return this.#known;
  }

  get counts(): WantedCounts {
    return this.#counts;
  }

  /** Whether a route to this destination is wanted. */
  has(dst: string): boolean {
    return this.#destinations.has(dst);
  }

  /** The wanted route with the longest prefix that holds a block, or null. */
  holding(block: Cidr): WantedRoute | null {
    const lengths = [...this.#lengths[block.family].keys()]
      .filter((length) => length <= block.prefixLength)
      .sort((a, b) => b - a);
    for (const length of lengths) {
      const route = this.routeTo(formatCidr(widened(block, length)));
      if (route !== null) return route;
    }
    return null;
  }

  /** The wanted route to a destination, or null. */
  routeTo(dst: string): WantedRoute | null {
    const lease = this.#leases.get(this.#destinations.get(dst) ?? "");
    const state = lease === undefined ? null : this.#stateOf(lease);
    return state?.routes.find((route) => route.dst === dst) ?? null;
  }

  /**
   * Where an entry of the forwarding table is to lead: null for one that
   * nobody wants or that peers want differently.
   */
  fdbDestination(entry: Pick<FdbEntry, "device" | "mac">): string | null {
    const wanted = this.#vteps.get(idOf(entry)) ?? null;
    return typeof wanted === "string" ? wanted : null;
  }

  /** Begins anew, from everything that is wanted. */
  replace(state: ExpectedState): void {
    this.#leases.clear();
    this.#known.clear();
    this.#unknown.clear();
    this.#destinations.clear();
    this.#lengths[4].clear();
    this.#lengths[6].clear();
    this.#vteps.clear();
    this.#counts = { route: 0, neighbour: 0, fdb: 0 };
    for (const { peer } of state.routes) this.#leases.set(peer.key, peer);
    for (const entry of state.fdb) this.#addVtep(entry);
    this.#add(state);
  }

  /**
   * Notes one peer's lease (null: it is gone) and answers the changes that
   * lead to its new state. Null where one peer cannot be judged by itself, so
   * that everything is to be derived again: a MAC that another lease publishes
   * too stays when this one goes, as it does when a host moves to another
   * subnet.
   */
  change(key: string, lease: Lease | null): NetlinkChange[] | null {
    const old = this.#leases.get(key);
    const before = old === undefined ? null : this.#stateOf(old);
    const after = lease === null ? null : this.#stateOf(lease);
    const wasShared = before?.fdb.some((entry) => this.#isShared(entry));
    if (before !== null) this.#remove(key, before);
    if (lease === null || after === null) this.#leases.delete(key);
    else {
      this.#leases.set(key, lease);
      for (const entry of after.fdb) this.#addVtep(entry);
      this.#add(after);
    }
    if (wasShared || after?.fdb.some((entry) => this.#isShared(entry))) {
      return null;
    }
    return peerChanges(before, after);
  }

  /** Leases something of which was not seen in a dump. */
  missing(seen: SeenEntries): Lease[] {
    const keys = new Set([...this.#unknown, ...seen.missing()]);
    return [...keys].map((key) => this.#leases.get(key)!);
  }

  /** The part of a state that was not seen in a dump. */
  unseen(state: PeerState, seen: SeenEntries): PeerState {
    if (seen.size === 0) return state;
    const known = this.#known;
    const isNew = (image: string | null) => image === null || !seen.has(image);
    return {
      routes: state.routes.filter((r) => isNew(known.routeImage(r))),
      neighbours: state.neighbours.filter((n) =>
        isNew(known.neighbourImage(n))
      ),
      fdb: state.fdb.filter((e) => isNew(known.fdbImage(e))),
    };
  }

  #add(state: PeerState): void {
    const known = this.#known;
    const know = (image: string | null, { peer }: { peer: Lease }) => {
      if (image === null) this.#unknown.add(peer.key);
      else known.set(image, peer.key);
    };
    for (const route of state.routes) {
      const { dst, family, peer } = route;
      know(known.routeImage(route), route);
      this.#destinations.set(dst, peer.key);
      this.#countLength(family, dst, 1);
    }
    for (const entry of state.neighbours) {
      know(known.neighbourImage(entry), entry);
    }
    for (const entry of state.fdb) {
      // Of two entries for one MAC only one is there: the plan has to choose.
      know(this.#isShared(entry) ? null : known.fdbImage(entry), entry);
    }
    this.#count(state, 1);
  }

  #remove(key: string, state: PeerState): void {
    const known = this.#known;
    const forget = (image: string | null) => {
      if (image !== null) known.delete(image);
    };
    for (const route of state.routes) {
      forget(known.routeImage(route));
      this.#destinations.delete(route.dst);
      this.#countLength(route.family, route.dst, -1);
    }
    for (const entry of state.neighbours) forget(known.neighbourImage(entry));
    for (const entry of state.fdb) {
      forget(known.fdbImage(entry));
      this.#removeVtep(entry);
    }
    this.#unknown.delete(key);
    this.#count(state, -1);
  }

  #count({ routes, neighbours, fdb }: PeerState, by: 1 | -1): void {
    this.#counts.route += by * routes.length;
    this.#counts.neighbour += by * neighbours.length;
    this.#counts.fdb += by * fdb.length;
  }

  #countLength(family: Family, dst: string, by: 1 | -1): void {
    const lengths = this.#lengths[family];
    const length = Number(dst.slice(dst.indexOf("/") + 1));
    const count = (lengths.get(length) ?? 0) + by;
    if (count === 0) lengths.delete(length);
    else lengths.set(length, count);
  }

  #isShared(entry: WantedFdb): boolean {
    return typeof this.#vteps.get(idOf(entry)) === "object";
  }

  #addVtep(entry: WantedFdb): void {
    const id = idOf(entry);
    const there = this.#vteps.get(id);
    this.#vteps.set(
      id,
      there === undefined ? entry.dst! : [...[there].flat(), entry.dst!],
    );
  }

  #removeVtep(entry: WantedFdb): void {
    const id = idOf(entry);
    const left = [this.#vteps.get(id) ?? []].flat();
    left.splice(left.indexOf(entry.dst!), 1);
    if (left.length === 0) this.#vteps.delete(id);
    else this.#vteps.set(id, left.length === 1 ? left[0]! : left);
  }
}

function idOf({ device, mac }: Pick<WantedFdb, "device" | "mac">): string {
  return `${device} ${mac}`;
}
