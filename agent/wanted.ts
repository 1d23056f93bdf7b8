/**
 * What the agent wants of the kernel, beside what there is.
 *
 * @module
 */
import { expectedState } from "../flannel/expected.ts";
import type { ExpectedState, LocalNode } from "../flannel/expected_types.ts";
import { MAIN_TABLE, type Route } from "../flannel/kernel.ts";
import type { Lease } from "../flannel/lease.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import {
  type OverlayDevices,
  overlayDevices,
} from "../flannel/overlay_devices.ts";
import type { WantedRoutes } from "../flannel/route_shadow.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import { SeenEntries } from "../host/netlink/known_entries.ts";
import { expect } from "./expectation.ts";
import type { RefusedLease } from "./host_troubles.ts";
import type { Kernel, ObservedState } from "./kernel.ts";
import type { LeaseTable } from "./lease_table.ts";
import { PeerBook } from "./peer_book.ts";
import type { PeerState } from "./peer_changes.ts";

/** Options of {@linkcode Wanted}. */
export interface WantedOptions {
  readonly config: NetworkConfig;
  readonly node: LocalNode;
  readonly leases: LeaseTable;
}

/**
 * Wanted and observed state, without the routes, neighbours and FDB entries
 * that are there exactly as wanted: a comparison of what is left finds all
 * there is to do.
 */
export interface View {
  readonly expected: ExpectedState;
  readonly observed: ObservedState;
  /** Null where nothing is left out. */
  readonly all: WantedRoutes | null;
}

const NOTHING: PeerState = { routes: [], neighbours: [], fdb: [] };

/**
 * The records' implication, kept while the records are the same. It is derived
 * anew, from all leases, only when it cannot be followed peer by peer.
 */
export class Wanted {
  readonly #config: NetworkConfig;
  readonly #leases: LeaseTable;
  readonly #book = new PeerBook((lease) => this.#stateOf([lease]));
  /**
   * Whether a peer's part depends on nothing but its lease. With DirectRouting
   * it depends on the kernel's routes, and udp has one route for all.
   */
  readonly #isByPeer: boolean;
  #node: LocalNode;
  #isStale = true;
  /** The part that is no peer's. */
  #frame: Pick<ExpectedState, "devices" | "ignored" | "mtu"> = {
    devices: [],
    ignored: [],
    mtu: 0,
  };
  #refused: readonly RefusedLease[] = [];
  #overlayDevices: OverlayDevices;
  /** Keys of leases that are refused or ignored. */
  #odd: ReadonlySet<string> = new Set();

  constructor({ config, node, leases }: WantedOptions) {
    this.#config = config;
    this.#node = node;
    this.#leases = leases;
    this.#overlayDevices = { 4: [node.device], 6: [node.device] };
    const { backendType, vxlan } = config;
    this.#isByPeer = backendType === "host-gw" ||
      (backendType === "vxlan" && vxlan?.directRouting !== true);
  }

  /** What every peer has. */
  get book(): PeerBook {
    return this.#book;
  }

  get node(): LocalNode {
    return this.#node;
  }

  /** Sets the own lease. */
  set node(node: LocalNode) {
    this.#node = node;
    this.#isStale = true;
  }

  /** Leases that must not be routed to. */
  get refused(): readonly RefusedLease[] {
    return this.#refused;
  }

  /** Devices by which packets to other hosts' containers leave, by family. */
  get overlayDevices(): OverlayDevices {
    return this.#overlayDevices;
  }

  /** Anything may be different now. */
  invalidate(): void {
    this.#isStale = true;
  }

  /** Looks at the kernel. */
  view(kernel: Pick<Kernel, "observe">): View {
    const tunnels = this.#config.backendType === "vxlan";
    if (!this.#isByPeer) {
      const observed = kernel.observe({ tunnels });
      return { expected: this.#derive(observed.routes), observed, all: null };
    }
    const book = this.#book;
    const derived = this.#isStale ? this.#derive([]) : null;
    let observed = kernel.observe({ tunnels, known: book.known });
    // Another route to a destination may overrule the one that is as wanted.
    let { seen } = observed;
    const isBeside = (route: Route) => this.#isBeside(route, seen);
    if (seen.size > 0 && observed.routes.some(isBeside)) {
      observed = kernel.observe({ tunnels });
      seen = new SeenEntries(book.known);
    }
    const missing = book.missing(seen);
    const state = missing.length === 0
      ? NOTHING
      : derived ?? this.#stateOf(missing) ?? NOTHING;
    const expected = { ...this.#frame, ...book.unseen(state, seen) };
    return { expected, observed, all: book };
  }

  /**
   * Follows one peer's new lease (null: it is gone) and answers the changes
   * that lead to its state; null when everything is to be derived and looked
   * at instead.
   */
  change(key: string, lease: Lease | null): NetlinkChange[] | null {
    // Where it is not by peer, nothing follows from one peer's lease: udp, alloc.
    if (!this.#isByPeer) return [];
    if (this.#isStale) return null;
    const isOdd = this.#odd.has(key) ||
      (lease !== null && this.#expect([lease]).ignored.length > 0);
    const changes = isOdd ? null : this.#book.change(key, lease);
    if (changes === null) this.#isStale = true;
    return changes;
  }

  /** Whether a route that is left has the destination of one that is not. */
  #isBeside(route: Route, seen: SeenEntries): boolean {
    if (route.table !== MAIN_TABLE || route.tos !== 0) return false;
    const wanted = this.#book.routeTo(route.dst);
    const image = wanted && this.#book.known.routeImage(wanted);
    return image !== null && seen.has(image);
  }

  /** Derives everything from all leases. */
  #derive(routes: readonly Route[]): ExpectedState {
    const { state, refused } = expect(
      this.#config,
      this.#node,
      this.#leases.effective(),
      routes,
    );
    const { devices, ignored, mtu } = state;
    this.#frame = { devices, ignored, mtu };
    this.#refused = refused;
    this.#overlayDevices = {
      4: overlayDevices(state, this.#node, 4),
      6: overlayDevices(state, this.#node, 6),
    };
    this.#odd = new Set([
      ...refused.map(({ lease }) => lease.key),
      ...ignored.map(({ peer }) => peer.key),
    ]);
    this.#book.replace(state);
    this.#isStale = false;
    return state;
  }

  /** What some leases ask for, each by itself; null when nothing. */
  #stateOf(leases: readonly Lease[]): PeerState | null {
    const { routes, neighbours, fdb } = this.#expect(leases);
    return routes.length === 0 ? null : { routes, neighbours, fdb };
  }

  #expect(leases: readonly Lease[]): ExpectedState {
    const config = this.#config;
    const result = expectedState({ config, leases, node: this.#node });
    if ("state" in result) return result.state;
    throw new TypeError(`Cannot run backend "${result.unmodelled}"`);
  }
}
