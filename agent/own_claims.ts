/**
 * Leases of others that name addresses of this host's subnet.
 *
 * @module
 */
import { contains, tryParseCidr } from "../flannel/cidr.ts";
import { isOwn } from "../flannel/expected_peers.ts";
import type { LocalNode } from "../flannel/expected_types.ts";
import type { Lease } from "../flannel/lease.ts";

/** Whether a subnet is the other one or a part of it. */
function isWithin(subnet: string | null, own: string | null): boolean {
  if (subnet === null || own === null) return false;
  if (subnet === own) return true;
  const [inner, outer] = [tryParseCidr(subnet), tryParseCidr(own)];
  return inner !== null && outer !== null && contains(outer, inner);
}

/**
 * Whether another host's lease is for this host's subnet or a part of it. A
 * route by it would take the containers here from the host; flannel makes one.
 */
export function claimsOurSubnet(lease: Lease, node: LocalNode): boolean {
  const own = node.lease;
  if (own === null || isOwn(lease, node)) return false;
  return isWithin(lease.subnet, own.subnet) ||
    isWithin(lease.ipv6Subnet, own.ipv6Subnet);
}
