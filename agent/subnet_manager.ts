/**
 * Who gives this host its subnet and tells of the others: etcd, or
 * Kubernetes.
 *
 * @module
 */
import type { SubnetPair } from "../flannel/allocation.ts";
import type { Lease, LeaseAttributes } from "../flannel/lease.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import type { Identity } from "../flannel/own_lease.ts";

/** This host's lease. */
export interface OwnLease {
  readonly lease: Lease;
  /**
   * End of the lease on the clock of `performance.now()`, milliseconds; null
   * when it has none. That clock does not jump when the date is set.
   */
  readonly expires: number | null;
  /** How it was come by. */
  readonly from: "reuse" | "previous" | "free" | "assigned";
}

/** What a host asks with. */
export interface AcquireRequest {
  readonly config: NetworkConfig;
  readonly identity: Identity;
  /** Attributes to publish, given the lease that is already there, or null. */
  readonly attributes: (existing: Lease | null) => LeaseAttributes;
  /** Subnets this host had, from subnet.env or memory, or null. */
  readonly previous: SubnetPair | null;
}

/** A change of the records. */
export type LeaseEvent =
  /** All leases, the own one too. */
  | {
    readonly type: "snapshot";
    readonly leases: readonly Lease[];
    /**
     * False when the own lease was not among them: the records may have been
     * lost or be older than they were, and peers that are missing may be back
     * in a moment.
     */
    readonly trusted: boolean;
  }
  | { readonly type: "put"; readonly lease: Lease }
  | { readonly type: "remove"; readonly key: string }
  /** The own lease was written, renewed or acquired anew. */
  | { readonly type: "own"; readonly own: OwnLease }
  /** The own lease is gone or another's; a new one is being asked for. */
  | {
    readonly type: "lost";
    readonly reason: string;
    /** Whether another's lease is under the key. @default false */
    readonly isTaken?: boolean;
  }
  /** Whether the store answers. */
  | { readonly type: "store"; readonly error: string | null };

/** Raised when there is no subnet to be had. */
export class OutOfSubnets extends Error {
  override readonly name = "OutOfSubnets";
}

/** Addresses that a store tells a host to publish; absent: as by its flags. */
export interface PublicAddresses {
  readonly publicIP?: string;
  readonly publicIPv6?: string;
  /** Who says the address, for people: `annotation NAME`. */
  readonly publicIPFrom?: string;
  readonly publicIPv6From?: string;
}

/** One store of leases. */
export interface SubnetManager {
  /** Waits until there is a config that can be used. */
  config(signal: AbortSignal): Promise<NetworkConfig>;
  /** The config as it is now; null while there is none that can be used. */
  currentConfig?(signal: AbortSignal): Promise<NetworkConfig | null>;
  /** What goes before `--public-ip` and `--public-ipv6`. */
  publicAddresses?(signal: AbortSignal): Promise<PublicAddresses>;
  /** Waits until this host has a lease. Throws {@linkcode OutOfSubnets}. */
  acquire(request: AcquireRequest, signal: AbortSignal): Promise<OwnLease>;
  /**
   * Keeps the own lease and tells of all changes, the first snapshot
   * included, until the signal aborts.
   */
  run(
    request: AcquireRequest,
    own: OwnLease,
    sink: (event: LeaseEvent) => void,
    signal: AbortSignal,
  ): Promise<void>;
  close(): void;
}
