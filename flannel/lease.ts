/**
 * Records of a flannel network as every store keeps them.
 *
 * @module
 */

/**
 * TTL of a key that has one which the store was not asked for: etcd v3 keeps
 * it apart from the key, a request for each. Not to be compared or printed.
 */
export const TTL_NOT_ASKED = -1;

/** A lease record as stored: nothing interpreted. */
export interface LeaseRecord {
  /** Subnet key without its prefix, such as `10.5.34.0-24`. */
  readonly key: string;
  /** The value as stored. */
  readonly value: string;
  /**
   * Seconds left when read; null for a reservation (no TTL);
   * {@linkcode TTL_NOT_ASKED} where there is one that was not asked for.
   */
  readonly ttl: number | null;
}

/** Attributes a host publishes with its subnet (flannel LeaseAttrs). */
export interface LeaseAttributes {
  /** Dotted IPv4; `0.0.0.0` where the host has none. */
  readonly publicIP: string;
  /** IPv6, or null. */
  readonly publicIPv6: string | null;
  /** Empty for backends that publish none: udp, alloc. */
  readonly backendType: string;
  /** Decoded JSON of `BackendData`, or null. */
  readonly backendData: unknown;
  readonly backendV6Data: unknown;
}

/** A parsed lease. */
export interface Lease {
  readonly key: string;
  /** Canonical IPv4 CIDR, or null in a network without IPv4. */
  readonly subnet: string | null;
  /** Canonical IPv6 CIDR, or null. */
  readonly ipv6Subnet: string | null;
  readonly attributes: LeaseAttributes;
  /** Seconds left when read; null for a reservation; or TTL_NOT_ASKED. */
  readonly ttl: number | null;
}
