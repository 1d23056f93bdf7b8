/**
 * What one peer needs in the kernel, and the changes from one such state to
 * the next.
 *
 * @module
 */
import type {
  ExpectedState,
  WantedFdb,
  WantedNeighbour,
  WantedRoute,
} from "../flannel/expected_types.ts";
import { FLANDOC_PROTOCOL } from "../flannel/kernel.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import {
  deleteFdb,
  deleteNeighbour,
  ownFdb,
  ownNeighbour,
  ownRoute,
} from "./repair_changes.ts";

/** Everything one peer's lease asks for. */
export interface PeerState {
  readonly routes: readonly WantedRoute[];
  readonly neighbours: readonly WantedNeighbour[];
  readonly fdb: readonly WantedFdb[];
}

/** Expected state sorted by the key of the peer's lease. */
export function peerStateOf(state: ExpectedState): Map<string, PeerState> {
  const peers = new Map<string, {
    routes: WantedRoute[];
    neighbours: WantedNeighbour[];
    fdb: WantedFdb[];
  }>();
  const of = (key: string) => {
    let peer = peers.get(key);
    if (peer === undefined) {
      peer = { routes: [], neighbours: [], fdb: [] };
      peers.set(key, peer);
    }
    return peer;
  };
  for (const route of state.routes) of(route.peer.key).routes.push(route);
  for (const entry of state.neighbours) {
    of(entry.peer.key).neighbours.push(entry);
  }
  for (const entry of state.fdb) of(entry.peer.key).fdb.push(entry);
  return peers;
}

const NOTHING: PeerState = { routes: [], neighbours: [], fdb: [] };

/** Wanted objects by what names them in the kernel, and by all they hold. */
function texts<T extends { readonly peer: unknown }>(
  objects: readonly T[],
): Map<string, T> {
  return new Map(objects.map((o) => [JSON.stringify({ ...o, peer: 0 }), o]));
}

/** Objects of `a` that `b` does not hold in the same form. */
function without<T extends { readonly peer: unknown }>(
  a: readonly T[],
  b: readonly T[],
): T[] {
  const there = texts(b);
  return [...texts(a)].filter(([text]) => !there.has(text)).map(([, o]) => o);
}

/**
 * Changes from one state of a peer to the next; none when they are the same,
 * as after a renewal. A new route is added only where there is none: a foreign
 * one in its place is for the full look to judge. Old entries go last.
 */
export function peerChanges(
  before: PeerState | null,
  after: PeerState | null,
): NetlinkChange[] {
  const old = before ?? NOTHING;
  const next = after ?? NOTHING;
  const changes: NetlinkChange[] = [];
  const added = {
    neighbours: without(next.neighbours, old.neighbours),
    fdb: without(next.fdb, old.fdb),
    routes: without(next.routes, old.routes),
  };
  for (const entry of added.neighbours) changes.push(ownNeighbour(entry));
  for (const entry of added.fdb) changes.push(ownFdb(entry));
  for (const route of added.routes) {
    const change = ownRoute(route);
    const had = old.routes.some((r) => r.dst === route.dst);
    changes.push(
      had || change.kind !== "route" ? change : { ...change, op: "add" },
    );
  }
  for (const route of without(old.routes, next.routes)) {
    if (next.routes.some((r) => r.dst === route.dst)) continue;
    const { family, dst, gateway, device } = route;
    changes.push({
      kind: "route",
      op: "delete",
      route: { family, dst, gateway, device, protocol: FLANDOC_PROTOCOL },
    });
  }
  for (const entry of without(old.fdb, next.fdb)) {
    const same = (e: WantedFdb) =>
      e.device === entry.device && e.mac === entry.mac;
    if (!next.fdb.some(same)) changes.push(deleteFdb(entry));
  }
  for (const entry of without(old.neighbours, next.neighbours)) {
    const same = (n: WantedNeighbour) =>
      n.device === entry.device && n.address === entry.address;
    if (!next.neighbours.some(same)) changes.push(deleteNeighbour(entry));
  }
  return changes;
}
