/**
 * Leases that must not be routed to.
 *
 * @module
 */
import {
  type Cidr,
  contains,
  containsAddress,
  tryParseCidr,
} from "../flannel/cidr.ts";
import { isOwn } from "../flannel/expected_peers.ts";
import type { LocalNode } from "../flannel/expected_types.ts";
import type { Lease } from "../flannel/lease.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";

/** What this host has of one family. */
interface Side {
  readonly own: string | null;
  readonly ownCidr: Cidr | null;
  readonly address: string | null;
  readonly network: string;
  readonly networkCidr: Cidr | null;
}

function sideOf(
  own: string | null,
  address: string | null,
  network: string | undefined,
): Side | null {
  if (network === undefined) return null;
  const [ownCidr = null, networkCidr = null] = [own ?? "", network]
    .map(tryParseCidr);
  return { own, ownCidr, address, network, networkCidr };
}

function refusalOf(subnet: string | null, side: Side | null): string | null {
  if (subnet === null || side === null) return null;
  const { own, ownCidr, address, network, networkCidr } = side;
  if (subnet === own) return `is for our own subnet ${own}`;
  const inner = tryParseCidr(subnet);
  if (inner === null) return null;
  if (ownCidr !== null && contains(ownCidr, inner)) {
    return `is for our own subnet ${own}`;
  }
  if (networkCidr !== null && inner.prefixLength < networkCidr.prefixLength) {
    return `is for more than the network ${network}`;
  }
  return address !== null && containsAddress(inner, address)
    ? `covers our own address ${address}`
    : null;
}

/**
 * A function that says why another host's lease is not routed to; null when it
 * is. A route by it would take containers here, or this host's own traffic,
 * from the host. The store takes such a lease from anybody, and flannel routes
 * it. One outside the network is routed to, as by flannel: its host may not
 * have followed a change yet.
 */
export function leaseRefusal(
  node: LocalNode,
  { ipv4, ipv6 }: NetworkConfig,
): (lease: Lease) => string | null {
  const own = node.lease;
  const four = sideOf(own?.subnet ?? null, node.address, ipv4?.network);
  const six = sideOf(own?.ipv6Subnet ?? null, node.ipv6Address, ipv6?.network);
  return (lease) =>
    isOwn(lease, node) ? null : refusalOf(lease.subnet, four) ??
      refusalOf(lease.ipv6Subnet, six);
}
