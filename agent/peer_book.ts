/**
 * What every peer has in the kernel, as last sent.
 *
 * @module
 */
import type { ExpectedState, WantedFdb } from "../flannel/expected_types.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import { peerChanges, type PeerState, peerStateOf } from "./peer_changes.ts";

/** Peers by the keys of their leases. */
export class PeerBook {
  #peers = new Map<string, PeerState>();
  /** How many peers want an FDB entry, by device and MAC. */
  readonly #users = new Map<string, number>();
  readonly #destinations = new Set<string>();

  /** Destinations of all routes, canonical CIDRs. */
  get destinations(): ReadonlySet<string> {
    return this.#destinations;
  }

  /** Begins anew, from everything that is wanted. */
  replace(state: ExpectedState): void {
    this.#peers = peerStateOf(state);
    this.#users.clear();
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
    return peer?.fdb.some((entry) => (this.#users.get(id(entry)) ?? 0) > 1) ??
      false;
  }

  #count(peer: PeerState, by: 1 | -1): void {
    for (const entry of peer.fdb) {
      const count = (this.#users.get(id(entry)) ?? 0) + by;
      if (count === 0) this.#users.delete(id(entry));
      else this.#users.set(id(entry), count);
    }
  }
}

function id({ device, mac }: WantedFdb): string {
  return `${device} ${mac}`;
}
