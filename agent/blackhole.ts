/**
 * `--ip-blackhole-route`: packets to addresses of the own subnet that no
 * bridge takes go nowhere, instead of back by the default route.
 *
 * @module
 */
import { FLANDOC_PROTOCOL } from "../flannel/kernel.ts";
import type { Lease } from "../flannel/lease.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import { pause } from "../stores/backoff.ts";
import type { Kernel } from "./kernel.ts";

/** The routes of one lease, a family each. */
export function blackholeRoutes(lease: Lease): NetlinkChange[] {
  const subnets = [[4, lease.subnet], [6, lease.ipv6Subnet]] as const;
  return subnets.flatMap(([family, dst]) =>
    dst === null ? [] : [{
      kind: "route" as const,
      op: "add" as const,
      route: { family, dst, type: "blackhole", protocol: FLANDOC_PROTOCOL },
    }]
  );
}

/**
 * Adds the routes again every period, first after one. Where a bridge has the
 * subnet the kernel refuses, which is right: then there is no need.
 */
export async function keepBlackhole(
  kernel: Pick<Kernel, "apply">,
  lease: () => Lease | null,
  periodMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await pause(periodMs, signal);
    if (signal.aborted) return;
    const own = lease();
    if (own !== null) await kernel.apply(blackholeRoutes(own));
  }
}
