/**
 * What the agent wants of the kernel: the records' implication, without the
 * leases that are refused.
 *
 * @module
 */
import { expectedState } from "../flannel/expected.ts";
import { isOwn } from "../flannel/expected_peers.ts";
import type { ExpectedState, LocalNode } from "../flannel/expected_types.ts";
import type { Route } from "../flannel/kernel.ts";
import type { Lease } from "../flannel/lease.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { onLinkBy } from "../flannel/on_link.ts";
import type { RefusedLease } from "./host_troubles.ts";
import { leaseRefusal } from "./refused_lease.ts";

/** What is wanted, and which leases have no part in it. */
export interface Expectation {
  readonly state: ExpectedState;
  readonly refused: readonly RefusedLease[];
}

/**
 * Derives what is wanted.
 *
 * @param routes of the kernel, for DirectRouting
 * @throws {TypeError} for a backend whose state flandoc does not derive
 */
export function expect(
  config: NetworkConfig,
  node: LocalNode,
  leases: readonly Lease[],
  routes: readonly Route[],
): Expectation {
  const refused: RefusedLease[] = [];
  const refusal = leaseRefusal(node, config);
  const taken = leases.filter((lease) => {
    const why = refusal(lease);
    if (why !== null) refused.push({ lease, why });
    return why === null;
  });
  const result = expectedState({
    config,
    leases: taken,
    node,
    onLinkBy: onLinkBy(config.vxlan?.directRouting ? routes : []),
  });
  if ("unmodelled" in result) {
    throw new TypeError(`Cannot run backend "${result.unmodelled}"`);
  }
  return { state: result.state, refused };
}

/** Leases of other hosts that are routed to. */
export function routedPeers(
  config: NetworkConfig,
  node: LocalNode,
  leases: readonly Lease[],
): Lease[] {
  const refusal = leaseRefusal(node, config);
  return leases.filter((lease) =>
    !isOwn(lease, node) && refusal(lease) === null
  );
}
