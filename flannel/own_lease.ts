/**
 * Which lease is this host's.
 *
 * @module
 */
import { sameAddress } from "./cidr.ts";
import { canonicalCidr } from "./cidr.ts";
import type { Lease } from "./lease.ts";
import type { SubnetEnv } from "./network_config_types.ts";

/** What a host publishes of itself. */
export interface Identity {
  /** Null, or `0.0.0.0`, in a network without IPv4. */
  readonly publicIP: string | null;
  readonly publicIPv6: string | null;
}

/**
 * Whether a lease carries this host's address. Hosts without IPv4 all publish
 * 0.0.0.0, so there the IPv6 address decides (flannel compares IPv4 only and
 * lets such hosts share one lease).
 */
export function isOwnLease(lease: Lease, identity: Identity): boolean {
  const { publicIP, publicIPv6 } = lease.attributes;
  if (identity.publicIP !== null && identity.publicIP !== "0.0.0.0") {
    return sameAddress(publicIP, identity.publicIP);
  }
  return publicIPv6 !== null && sameAddress(publicIPv6, identity.publicIPv6);
}

/** All leases that carry this host's address, in the order given. */
export function leasesOf(
  leases: readonly Lease[],
  identity: Identity,
): readonly Lease[] {
  return leases.filter((lease) => isOwnLease(lease, identity));
}

/**
 * This host's own lease, or null. Where several carry its address, the one
 * that subnet.env names; else the first, which is flannel's choice.
 */
export function findOwnLease(
  leases: readonly Lease[],
  identity: Identity,
  subnetEnv: Pick<SubnetEnv, "subnet" | "ipv6Subnet"> | null = null,
): Lease | null {
  const own = leasesOf(leases, identity);
  if (own.length < 2 || subnetEnv === null) return own[0] ?? null;
  const v4 = subnetEnv.subnet === null ? null : canonicalCidr(subnetEnv.subnet);
  const v6 = subnetEnv.ipv6Subnet === null
    ? null
    : canonicalCidr(subnetEnv.ipv6Subnet);
  const named = own.find((lease) =>
    (v4 !== null && lease.subnet === v4) ||
    (v4 === null && v6 !== null && lease.ipv6Subnet === v6)
  );
  return named ?? own[0]!;
}

/**
 * The lease that subnet.env names, where it carries one of the addresses of
 * this host: its own one, whichever interface an agent would choose now. Null
 * where there is none.
 *
 * @param addresses all that the host has, IPv4 and IPv6
 */
export function findNamedLease(
  leases: readonly Lease[],
  addresses: readonly string[],
  subnetEnv: Pick<SubnetEnv, "subnet"> | null,
): Lease | null {
  const subnet = canonicalCidr(subnetEnv?.subnet ?? "");
  if (subnet === null) return null;
  return leases.find((lease) =>
    lease.subnet === subnet &&
    addresses.some((address) => sameAddress(lease.attributes.publicIP, address))
  ) ?? null;
}
