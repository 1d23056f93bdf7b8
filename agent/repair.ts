/**
 * Repairs of the kernel's state, planned from differences.
 *
 * @module
 */
import type {
  ExpectedState,
  LocalNode,
  WantedFdb,
  WantedNeighbour,
  WantedRoute,
} from "../flannel/expected_types.ts";
import { formatFdb, formatNeighbour, formatRoute } from "../flannel/format.ts";
import {
  type FdbEntry,
  FLANDOC_PROTOCOL,
  type Neighbour,
  type Route,
} from "../flannel/kernel.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { diffFdb, diffNeighbours } from "../flannel/overlay_diff.ts";
import {
  defaultMetric,
  diffRoutes,
  isAdoptable,
} from "../flannel/route_diff.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import type { ObservedState } from "./kernel.ts";

/** What is repaired, for logs and metrics. */
export type RepairKind = "device" | "address" | "route" | "neighbour" | "fdb";

/** One repair: what is wrong and what puts it right. */
export interface Repair {
  readonly kind: RepairKind;
  /** Names the object: `route 10.5.2.0/24`. */
  readonly key: string;
  /** adopt: flanneld's route becomes flandoc's, unchanged but for that. */
  readonly why: "missing" | "wrong" | "stale" | "adopt";
  readonly change: NetlinkChange;
  /** What is in its place, as iproute2 prints it; null when nothing is. */
  readonly found: string | null;
}

/** Something wrong that the agent leaves alone. */
export interface Conflict {
  readonly key: string;
  readonly message: string;
}

/** A plan for everything but devices. */
export interface RepairPlan {
  readonly repairs: readonly Repair[];
  readonly conflicts: readonly Conflict[];
}

/** Protocol of routes the kernel makes for addresses. */
const KERNEL_PROTOCOL = 2;

/** The route flandoc makes for a wanted one. */
export function ownRoute(wanted: WantedRoute): NetlinkChange {
  return {
    kind: "route",
    op: "replace",
    route: {
      family: wanted.family,
      dst: wanted.dst,
      gateway: wanted.gateway,
      device: wanted.device,
      onlink: wanted.onlink,
      protocol: FLANDOC_PROTOCOL,
      // Universe, as flannel has it, also without a gateway.
      scope: 0,
    },
  };
}

/** Takes away exactly one route. */
export function deleteRoute(route: Route): NetlinkChange {
  const { family, dst, gateway, device, metric, protocol, table, type } = route;
  return {
    kind: "route",
    op: "delete",
    route: { family, dst, gateway, device, metric, protocol, table, type },
  };
}

/** The neighbour entry of a peer. */
export function ownNeighbour(wanted: WantedNeighbour): NetlinkChange {
  const { device, address, mac } = wanted;
  return {
    kind: "neighbour",
    op: "replace",
    neighbour: { device, address, mac, state: "PERMANENT" },
  };
}

/** The FDB entry of a peer. */
export function ownFdb(wanted: WantedFdb): NetlinkChange {
  const { device, mac, dst } = wanted;
  return {
    kind: "fdb",
    op: "replace",
    entry: { device, mac, dst, self: true, permanent: true },
  };
}

/** Takes away one neighbour entry. */
export function deleteNeighbour(
  { device, address }: Pick<Neighbour, "device" | "address">,
): NetlinkChange {
  return { kind: "neighbour", op: "delete", neighbour: { device, address } };
}

/** Takes away one FDB entry. */
export function deleteFdb(
  { device, mac, dst }: Pick<FdbEntry, "device" | "mac" | "dst">,
): NetlinkChange {
  return { kind: "fdb", op: "delete", entry: { device, mac, dst, self: true } };
}

/** What a plan is made from. */
export interface PlanInput {
  readonly expected: ExpectedState;
  readonly observed: ObservedState;
  readonly config: NetworkConfig;
  readonly node: LocalNode;
}

/** Plans everything but devices, neighbours and FDB before routes. */
export function planRepairs(input: PlanInput): RepairPlan {
  const { expected, observed } = input;
  const devices = new Set(expected.devices.map((d) => d.name));
  const repairs: Repair[] = [];
  planNeighbours(expected.neighbours, observed.neighbours, devices, repairs);
  planFdb(expected.fdb, observed.fdb, devices, repairs);
  const conflicts = planRoutes(input, repairs);
  return { repairs, conflicts };
}

function planNeighbours(
  wanted: readonly WantedNeighbour[],
  observed: readonly Neighbour[],
  devices: ReadonlySet<string>,
  repairs: Repair[],
): void {
  const diff = diffNeighbours(wanted, observed, devices);
  const kind = "neighbour" as const;
  const key = (n: { device: string; address: string }) =>
    `neighbour ${n.address} dev ${n.device}`;
  for (const entry of diff.missing) {
    const change = ownNeighbour(entry);
    repairs.push({
      kind,
      key: key(entry),
      why: "missing",
      change,
      found: null,
    });
  }
  for (const { wanted: entry, observed: there } of diff.wrong) {
    const change = ownNeighbour(entry);
    const found = formatNeighbour(there);
    repairs.push({ kind, key: key(entry), why: "wrong", change, found });
  }
  for (const entry of diff.stale) {
    const change = deleteNeighbour(entry);
    const found = formatNeighbour(entry);
    repairs.push({ kind, key: key(entry), why: "stale", change, found });
  }
}

function planFdb(
  wanted: readonly WantedFdb[],
  observed: readonly FdbEntry[],
  devices: ReadonlySet<string>,
  repairs: Repair[],
): void {
  const diff = diffFdb(wanted, observed, devices);
  const kind = "fdb" as const;
  const key = (e: { device: string; mac: string }) =>
    `fdb ${e.mac} dev ${e.device}`;
  // Stale ones first: a MAC with two destinations has one of them taken away
  // before the other is written.
  for (const entry of diff.stale) {
    const change = deleteFdb(entry);
    const found = formatFdb(entry);
    repairs.push({ kind, key: key(entry), why: "stale", change, found });
  }
  for (const entry of diff.missing) {
    const change = ownFdb(entry);
    repairs.push({
      kind,
      key: key(entry),
      why: "missing",
      change,
      found: null,
    });
  }
  for (const { wanted: entry, observed: there } of diff.wrong) {
    const change = ownFdb(entry);
    const found = formatFdb(there);
    repairs.push({ kind, key: key(entry), why: "wrong", change, found });
  }
}

function planRoutes(input: PlanInput, repairs: Repair[]): Conflict[] {
  const { expected, observed, config, node } = input;
  const diff = diffRoutes({
    wanted: expected.routes,
    observed: observed.routes,
    config,
    node,
  });
  const conflicts: Conflict[] = [];
  const kind = "route" as const;
  const key = (r: { dst: string }) => `route ${r.dst}`;
  for (const route of diff.missing) {
    const change = ownRoute(route);
    repairs.push({
      kind,
      key: key(route),
      why: "missing",
      change,
      found: null,
    });
  }
  for (const { wanted, observed: there } of diff.wrong) {
    const found = formatRoute(there);
    if (there.protocol === KERNEL_PROTOCOL) {
      conflicts.push({
        key: key(wanted),
        message:
          `A device of this host holds the subnet of ${wanted.peer.attributes.publicIP}: ${found}`,
      });
      continue;
    }
    const change = ownRoute(wanted);
    repairs.push({ kind, key: key(wanted), why: "wrong", change, found });
  }
  for (const { wanted, by, kind: how } of diff.shadowed) {
    if (how === "policy-rule") continue;
    const found = formatRoute(by);
    if (how === "lower-metric" && by.metric === defaultMetric(by.family)) {
      const change = ownRoute(wanted);
      repairs.push({ kind, key: key(wanted), why: "wrong", change, found });
    } else {
      conflicts.push({
        key: key(wanted),
        message: `Traffic to ${wanted.dst} is taken by another route: ${found}`,
      });
    }
  }
  for (const { route, reason } of diff.stale) {
    // What only looks like flannel's is an administrator's to remove.
    if (reason !== "ours") continue;
    const found = formatRoute(route);
    const change = deleteRoute(route);
    repairs.push({ kind, key: key(route), why: "stale", change, found });
  }
  for (const route of diff.ownSubnet) {
    const found = formatRoute(route);
    if (route.protocol === FLANDOC_PROTOCOL || isAdoptable(route)) {
      const change = deleteRoute(route);
      repairs.push({ kind, key: key(route), why: "stale", change, found });
    } else {
      conflicts.push({
        key: key(route),
        message: `Our own subnet is routed away: ${found}`,
      });
    }
  }
  for (const { wanted, observed: there } of diff.present) {
    if (!isAdoptable(there)) continue;
    const found = formatRoute(there);
    const change = ownRoute(wanted);
    repairs.push({ kind, key: key(wanted), why: "adopt", change, found });
  }
  return conflicts;
}
