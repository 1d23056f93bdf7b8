/**
 * What the reconciler needs of the kernel.
 *
 * @module
 */
import type { Address, Link, Route } from "../flannel/kernel.ts";
import type {
  ChangeResult,
  NetlinkChange,
  RouteQuery,
} from "../host/netlink/changes.ts";
import type { Observation, ObserveOptions } from "../host/netlink/netlink.ts";

/** Reads and changes of the kernel's network state; `Netlink` is one. */
export interface Kernel {
  /** Netlink port that own changes carry in events. */
  readonly port: number;
  links(): Link[];
  addresses(): Address[];
  routes(): Route[];
  observe(options: ObserveOptions): Observation;
  routeGet(query: RouteQuery): Route;
  apply(
    changes: readonly NetlinkChange[],
    options?: { readonly sameDevices?: boolean },
  ): Promise<ChangeResult[]>;
}

/** One dump of all that a backend's state is compared with. */
export type ObservedState = Omit<Observation, "seen">;
