/**
 * Which leases are peers of this host.
 *
 * @module
 */
import type { IgnoredPeer, LocalNode } from "./expected_types.ts";
import type { Lease } from "./lease.ts";
import { isOwnLease } from "./own_lease.ts";

/** Leases sorted into peers and those left alone. */
export interface Peers {
  readonly peers: readonly Lease[];
  readonly ignored: readonly IgnoredPeer[];
}

/** Whether a lease is this host's: by its key, else by its address. */
export function isOwn(lease: Lease, node: LocalNode): boolean {
  return lease.key === node.lease?.key || isOwnLease(lease, node);
}

/**
 * Peers of one backend type. A second lease with this host's own address is
 * left alone as well: the kernel takes no route through an own address. A null
 * type takes every lease, as flannel's udp backend does.
 */
export function peersOf(
  leases: readonly Lease[],
  node: LocalNode,
  backendType: string | null,
): Peers {
  const peers: Lease[] = [];
  const ignored: IgnoredPeer[] = [];
  for (const peer of leases) {
    if (isOwn(peer, node)) ignored.push({ peer, reason: "own" });
    else if (
      backendType !== null && peer.attributes.backendType !== backendType
    ) ignored.push({ peer, reason: "backend-type" });
    else peers.push(peer);
  }
  return { peers, ignored };
}
