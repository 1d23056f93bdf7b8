/**
 * What every peer has in the kernel, as last sent.
 *
 * @module
 */
import type { ExpectedState, WantedFdb } from "../flannel/expected_types.ts";
import type { FdbEntry } from "../flannel/kernel.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import { peerChanges, type PeerState, peerStateOf } from "./peer_changes.ts";

/** Peers by the keys of their leases. */
export class PeerBook {
  #peers = new Map<string, PeerState>();
  /** Destinations that peers want of an FDB entry, by device and MAC. */
  readonly #fdb = new Map<string, string[]>();
  readonly #destinations = new Set<string>();

  /** Destinations of all routes, canonical CIDRs. */
  get destinations(): ReadonlySet<string> {
    return this.#destinations;
  }

  /**
   * Where an entry of the forwarding table is to lead: null for one that
   * nobody wants or that peers want differently.
   */
  fdbDestination(entry: Pick<FdbEntry, "device" | "mac">): string | null {
    const [first = null, ...others] = this.#fdb.get(id(entry)) ?? [];
    return others.length > 0 ? null : first;
  }

  /** Begins anew, from everything that is wanted. */
  replace(state: ExpectedState): void {
    this.#peers = peerStateOf(state);
    this.#fdb.clear();
    this.#destinations.clear();
    for (const peer of this.#peers.values()) this.#count(peer, 1);
    for (const { dst } of state.routes) this.#destinations.add(dst);
  }

  /**
   * Notes one peer's new state (null: it is gone) and answers the changes that
   * lead to it. Null where one peer cannot be judged by itself: a MAC that
   * another lease publishes too stays when this one goes, as it does when a
   * host moves to another subnet.
   */
  change(key: string, after: PeerState | null): NetlinkChange[] | null {
    const before = this.#peers.get(key) ?? null;
    const shared = this.#isShared(before);
    if (before !== null) this.#count(before, -1);
    if (after === null) this.#peers.delete(key);
    else this.#peers.set(key, after);
    if (after !== null) this.#count(after, 1);
    for (const { dst } of before?.routes ?? []) this.#destinations.delete(dst);
    for (const { dst } of after?.routes ?? []) this.#destinations.add(dst);
    return shared || this.#isShared(after) ? null : peerChanges(before, after);
  }

  #isShared(peer: PeerState | null): boolean {
    return peer?.fdb.some((entry) =>
      (this.#fdb.get(id(entry)) ?? []).length > 1
    ) ??
      false;
  }

  #count(peer: PeerState, by: 1 | -1): void {
    for (const entry of peer.fdb) {
      const wanted = this.#fdb.get(id(entry)) ?? [];
      if (by === 1) wanted.push(entry.dst!);
      else wanted.splice(wanted.indexOf(entry.dst!), 1);
      if (wanted.length === 0) this.#fdb.delete(id(entry));
      else this.#fdb.set(id(entry), wanted);
    }
  }
}

function id({ device, mac }: Pick<WantedFdb, "device" | "mac">): string {
  return `${device} ${mac}`;
}
