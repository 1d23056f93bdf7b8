/**
 * What the reconciler needs of the kernel.
 *
 * @module
 */
import type {
  Address,
  FdbEntry,
  Link,
  Neighbour,
  PolicyRule,
  Route,
} from "../flannel/kernel.ts";
import type {
  ChangeResult,
  NetlinkChange,
  RouteQuery,
} from "../host/netlink/changes.ts";

/** Reads and changes of the kernel's network state; `Netlink` is one. */
export interface Kernel {
  /** Netlink port that own changes carry in events. */
  readonly port: number;
  links(): Link[];
  addresses(): Address[];
  routes(): Route[];
  rules(): PolicyRule[];
  neighbours(): Neighbour[];
  fdb(): FdbEntry[];
  routeGet(query: RouteQuery): Route;
  apply(changes: readonly NetlinkChange[]): Promise<ChangeResult[]>;
}

/** One dump of all that a backend's state is compared with. */
export interface ObservedState {
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  readonly neighbours: readonly Neighbour[];
  readonly fdb: readonly FdbEntry[];
}

/** Dumps links, addresses and routes, and for tunnels neighbours and FDB. */
export function observe(kernel: Kernel, tunnels: boolean): ObservedState {
  return {
    links: kernel.links(),
    addresses: kernel.addresses(),
    routes: kernel.routes(),
    neighbours: tunnels ? kernel.neighbours() : [],
    fdb: tunnels ? kernel.fdb() : [],
  };
}
