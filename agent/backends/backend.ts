/**
 * What makes one flannel backend different from another for the agent. What
 * it wants of the kernel is in `flannel/expected.ts`.
 *
 * @module
 */
import type { LocalNode } from "../../flannel/expected_types.ts";
import type { Link } from "../../flannel/kernel.ts";
import type { Lease, LeaseAttributes } from "../../flannel/lease.ts";
import type { NetworkConfig } from "../../flannel/network_config_types.ts";
import type { Logger } from "../log.ts";
import type { UdpCounters } from "../udp/counters.ts";

/** What a backend is made with. */
export interface BackendContext {
  readonly config: NetworkConfig;
  /** The host, without a lease yet. */
  readonly node: LocalNode;
  /** Devices as they are before anything is changed. */
  readonly links: readonly Link[];
  /** Whether flannel of this store's age publishes the VNI (v0.24 on). */
  readonly publishesVni: boolean;
}

/** A way of packets through this process. */
export interface DataPath {
  /** What is not as it should be; empty when packets move. */
  readonly problems: readonly string[];
  /** Packets since the start; null while none move. */
  readonly counters: UdpCounters | null;
  /**
   * Follows the leases.
   *
   * @param peers answers leases of the other hosts
   */
  update(own: Lease, peers: () => readonly Lease[]): void;
  /**
   * Starts it. Throws when this host cannot; afterwards it is kept up, come
   * what may.
   */
  start(): Promise<void>;
  /** Keeps it up until the signal aborts, and ends it then. */
  run(signal: AbortSignal): Promise<void>;
}

/** What a data path is made with. */
export interface DataPathContext {
  readonly own: Lease;
  readonly log: Logger;
  /** Network namespace to work in. @default the process's own */
  readonly netns?: string;
}

/** One backend on this host. */
export interface Backend {
  readonly type: string;
  /**
   * Attributes to publish.
   *
   * @param existing own lease that is in the store already, or null
   */
  attributes(existing: Lease | null): LeaseAttributes;
  /** Puts settings of a tunnel device right; whether one was not. */
  onDevice?(name: string): boolean;
  /** Its way of packets through this process, where it has one. */
  dataPath?(context: DataPathContext): DataPath;
}

/** Raised when this host cannot be part of such a network. */
export class BackendError extends Error {
  override readonly name = "BackendError";
}

/** Makes a backend, or throws a {@linkcode BackendError}. */
export type BackendFactory = (context: BackendContext) => Backend;

/** Attributes without backend data. */
export function plainAttributes(
  node: LocalNode,
  backendType: string,
): LeaseAttributes {
  return {
    publicIP: node.publicIP ?? "0.0.0.0",
    publicIPv6: node.publicIPv6,
    backendType,
    backendData: null,
    backendV6Data: null,
  };
}
