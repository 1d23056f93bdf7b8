/**
 * Leases that must not be routed to.
 *
 * @module
 */
import { contains, containsAddress, tryParseCidr } from "../flannel/cidr.ts";
import { isOwn } from "../flannel/expected_peers.ts";
import type { LocalNode } from "../flannel/expected_types.ts";
import type { Lease } from "../flannel/lease.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";

/** One family of a lease, and what this host has of it. */
interface Side {
  readonly subnet: string | null;
  readonly own: string | null;
  readonly address: string | null;
  readonly network: string | null;
}

function refusalOf({ subnet, own, address, network }: Side): string | null {
  if (subnet === null || network === null) return null;
  if (subnet === own) return `is for our own subnet ${own}`;
  const [inner, ours, whole] = [subnet, own ?? "", network].map(tryParseCidr);
  if (!inner) return null;
  if (ours && contains(ours, inner)) return `is for our own subnet ${own}`;
  if (whole && inner.prefixLength < whole.prefixLength) {
    return `is for more than the network ${network}`;
  }
  return address !== null && containsAddress(inner, address)
    ? `covers our own address ${address}`
    : null;
}

/**
 * Why another host's lease is not routed to; null when it is. A route by it
 * would take containers here, or this host's own traffic, from the host. The
 * store takes such a lease from anybody, and flannel routes it. One outside
 * the network is routed to, as by flannel: its host may not have followed a
 * change yet.
 */
export function leaseRefusal(
  lease: Lease,
  node: LocalNode,
  { ipv4, ipv6 }: NetworkConfig,
): string | null {
  if (isOwn(lease, node)) return null;
  return refusalOf({
    subnet: lease.subnet,
    own: node.lease?.subnet ?? null,
    address: node.address,
    network: ipv4?.network ?? null,
  }) ?? refusalOf({
    subnet: lease.ipv6Subnet,
    own: node.lease?.ipv6Subnet ?? null,
    address: node.ipv6Address,
    network: ipv6?.network ?? null,
  });
}
