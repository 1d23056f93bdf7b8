/**
 * What is wrong on a host beside the state that the records imply.
 *
 * @module
 */
import { sameAddress } from "../flannel/cidr.ts";
import type { LocalNode } from "../flannel/expected_types.ts";
import type { Address } from "../flannel/kernel.ts";
import type { Lease } from "../flannel/lease.ts";

/** A trouble, by what names it. */
export interface HostTrouble {
  readonly kind: null;
  readonly key: string;
  readonly message: string;
}

/** A lease that is not routed to, and why. */
export interface RefusedLease {
  readonly lease: Lease;
  readonly why: string;
}

/**
 * Leases that are refused, and own addresses that the external interface has
 * lost. flannel notices neither; an address chosen at the start holds until
 * the next one.
 */
export function hostTroubles(
  node: LocalNode,
  addresses: readonly Address[],
  refused: readonly RefusedLease[],
): HostTrouble[] {
  const { device, address, ipv6Address } = node;
  const lost = [address, ipv6Address].filter((own) =>
    own !== null &&
    !addresses.some((a) => a.device === device && sameAddress(a.address, own))
  );
  return [
    ...refused.map(({ lease: { key, attributes }, why }) => ({
      kind: null,
      key: `lease ${key}`,
      message: `Lease ${key} of ${attributes.publicIP} ${why}; it is ignored`,
    })),
    ...lost.map((own) => ({
      kind: null,
      key: `address ${own}`,
      message: `Address ${own} is not on ${device} any more, and the other ` +
        "hosts send there: restart flandoc when the new one is there to stay",
    })),
  ];
}
