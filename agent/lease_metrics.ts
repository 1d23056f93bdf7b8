/**
 * Figures of leases.
 *
 * @module
 */
import type { LeaseFollower } from "./lease_follower.ts";
import type { Metrics } from "./metrics.ts";

/**
 * Brings the gauges of leases up to date. Without a valid own lease its expiry
 * is 0, so that an alert on it fires; a lease without an end has none.
 *
 * @param follower null while there is no lease yet
 */
export function noteLeases(
  metrics: Metrics,
  follower: Pick<LeaseFollower, "own" | "isLost" | "stored"> | null,
): void {
  if (follower === null) {
    metrics.set("flandoc_lease_expiry_seconds", 0);
    metrics.remove("flandoc_leases");
    return;
  }
  metrics.set("flandoc_leases", follower.stored);
  const { expires } = follower.own;
  if (follower.isLost) metrics.set("flandoc_lease_expiry_seconds", 0);
  else if (expires === null) metrics.remove("flandoc_lease_expiry_seconds");
  else {
    const seconds = Math.round((expires - performance.now()) / 1000);
    metrics.set("flandoc_lease_expiry_seconds", seconds);
  }
}
