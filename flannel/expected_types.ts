/**
 * What the records imply for one host's kernel, as data.
 *
 * @module
 */
import type { FdbEntry, Neighbour, Route, VxlanDetails } from "./kernel.ts";
import type { Lease } from "./lease.ts";

/** A route flannel wants; the members flannel sets, and no more. */
export type WantedRoute =
  & Pick<Route, "family" | "dst" | "gateway" | "device" | "onlink">
  & { readonly peer: Lease };

/** A permanent neighbour entry on a vxlan device. */
export type WantedNeighbour =
  & Pick<Neighbour, "device" | "family" | "address" | "mac">
  & { readonly peer: Lease };

/** A static FDB entry on a vxlan device. */
export type WantedFdb =
  & Pick<FdbEntry, "device" | "mac" | "dst">
  & { readonly peer: Lease };

/** The tunnel device a backend needs. */
export interface WantedDevice {
  readonly name: string;
  /** vxlan or tun. */
  readonly kind: string;
  readonly mtu: number;
  /** MAC the own lease publishes, or null when the backend has none. */
  readonly mac: string | null;
  /** CIDR such as `10.5.1.0/32`. */
  readonly address: string;
  readonly family: 4 | 6;
  readonly vxlan?: Partial<VxlanDetails>;
}

/** The host whose kernel state is wanted. */
export interface LocalNode {
  /** External interface by name. */
  readonly device: string;
  readonly deviceMtu: number;
  /** Its IPv4 address, or null in a network without IPv4. */
  readonly address: string | null;
  readonly ipv6Address: string | null;
  readonly publicIP: string | null;
  readonly publicIPv6: string | null;
  /** Own lease, or null when this host has none. */
  readonly lease: Lease | null;
}

/** A peer flannel leaves alone, and why. */
export interface IgnoredPeer {
  readonly peer: Lease;
  /**
   * `one-family`: it is left alone in one family only, for which it has a
   * subnet without the address or VTEP MAC to reach it by.
   */
  readonly reason:
    | "own"
    | "backend-type"
    | "backend-data"
    | "no-subnet"
    | "one-family";
}

/** Everything the records imply for one host. */
export interface ExpectedState {
  readonly devices: readonly WantedDevice[];
  readonly routes: readonly WantedRoute[];
  readonly neighbours: readonly WantedNeighbour[];
  readonly fdb: readonly WantedFdb[];
  readonly ignored: readonly IgnoredPeer[];
  /** Value of FLANNEL_MTU. */
  readonly mtu: number;
}
