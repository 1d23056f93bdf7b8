/**
 * `--ip-blackhole-route`: packets to addresses of the own subnet that no
 * bridge takes go nowhere, instead of back by the default route.
 *
 * @module
 */
import {
  BOOT_PROTOCOL,
  FLANDOC_PROTOCOL,
  MAIN_TABLE,
  type Route,
} from "../flannel/kernel.ts";
import type { Lease } from "../flannel/lease.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import { pause } from "../stores/backoff.ts";
import type { Kernel } from "./kernel.ts";
import type { Logger } from "./log.ts";
import { deleteRoute } from "./repair_changes.ts";
import { Said } from "./said.ts";

/**
 * Metric of the routes. flannel gives none: then a bridge that comes later
 * has its route after the blackhole, and its containers are cut off; and one
 * that was there before has flannel fail at every turn.
 */
const METRIC = 65_535;

/** The routes of a lease, a family each. */
export function blackholeRoutes(lease: Lease): NetlinkChange[] {
  const subnets = [[4, lease.subnet], [6, lease.ipv6Subnet]] as const;
  return subnets.flatMap(([family, dst]) =>
    dst === null ? [] : [{
      kind: "route" as const,
      op: "add" as const,
      route: {
        family,
        dst,
        type: "blackhole",
        metric: METRIC,
        protocol: FLANDOC_PROTOCOL,
      },
    }]
  );
}

/** Takes away what flanneld made: its route comes before a bridge's. */
export function formerBlackholes(
  lease: Lease,
  routes: readonly Route[],
): NetlinkChange[] {
  return routes.filter((route) =>
    route.type === "blackhole" && route.table === MAIN_TABLE &&
    route.protocol === BOOT_PROTOCOL &&
    (route.dst === lease.subnet || route.dst === lease.ipv6Subnet)
  ).map(deleteRoute);
}

/** Keeps the routes, from the start on and every period. */
export async function keepBlackhole(
  kernel: Pick<Kernel, "apply" | "routes">,
  lease: () => Lease | null,
  periodMs: number,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const said = new Said(log);
  let cleaned = false;
  while (!signal.aborted) {
    try {
      const own = lease();
      if (own !== null) {
        const changes = blackholeRoutes(own);
        if (!cleaned) changes.push(...formerBlackholes(own, kernel.routes()));
        cleaned = true;
        for (const { change, error } of await kernel.apply(changes)) {
          if (error === null || error.code === "EEXIST") continue;
          said.warn(`Cannot ${change.op} blackhole route: ${error.message}`);
        }
      }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      said.warn(`Cannot keep blackhole route: ${text}`);
    }
    await pause(periodMs, signal);
  }
}
