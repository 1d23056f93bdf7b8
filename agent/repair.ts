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
} from "../flannel/expected_types.ts";
import { formatFdb, formatNeighbour } from "../flannel/format.ts";
import { sameAddress } from "../flannel/cidr.ts";
import type { FdbEntry, Neighbour } from "../flannel/kernel.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { diffFdb, diffNeighbours } from "../flannel/overlay_diff.ts";
import type { WantedRoutes } from "../flannel/route_shadow.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";
import type { ObservedState } from "./kernel.ts";
import {
  deleteFdb,
  deleteNeighbour,
  ownFdb,
  ownNeighbour,
} from "./repair_changes.ts";
import { planRoutes } from "./route_repairs.ts";

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
  /** What is done instead where the kernel answers EBUSY. @default nothing */
  readonly ifBusy?: readonly NetlinkChange[];
  /** What a kernel's error means here, by its code. @default nothing */
  readonly hints?: Readonly<Record<string, string>>;
  /** What is in its place, as iproute2 prints it; null when nothing is. */
  readonly found: string | null;
}

/** Something wrong that the agent leaves alone. */
export interface Conflict {
  readonly kind: RepairKind;
  readonly key: string;
  readonly message: string;
}

/** Something that is not as it should be after a look. */
export interface Outstanding {
  /** Null for what is no object of the kernel's. */
  readonly kind: RepairKind | null;
  readonly message: string;
}

/** A plan for everything but devices. */
export interface RepairPlan {
  readonly repairs: readonly Repair[];
  readonly conflicts: readonly Conflict[];
}

/** What a plan is made from. */
export interface PlanInput {
  readonly expected: ExpectedState;
  readonly observed: ObservedState;
  readonly config: NetworkConfig;
  readonly node: LocalNode;
  /**
   * All wanted routes, where expected and observed state are without what is
   * there as wanted. @default those expected
   */
  readonly all?: WantedRoutes | undefined;
}

/** Plans everything but devices, neighbours and FDB before routes. */
export function planRepairs(input: PlanInput): RepairPlan {
  const { expected, observed } = input;
  const devices = new Set(expected.devices.map((d) => d.name));
  const repairs: Repair[] = [];
  planNeighbours(expected.neighbours, observed.neighbours, devices, repairs);
  const { sole, conflicts } = soleFdb(expected.fdb, observed.fdb);
  planFdb(sole, observed.fdb, devices, repairs);
  conflicts.push(...planRoutes(input, repairs));
  return { repairs, conflicts };
}

/**
 * One entry for each MAC. Hosts made from one image may publish the same; a
 * frame can go to one of them only, and to the same one after every look.
 */
function soleFdb(
  wanted: readonly WantedFdb[],
  observed: readonly FdbEntry[],
): { readonly sole: WantedFdb[]; readonly conflicts: Conflict[] } {
  const id = (e: { device: string; mac: string }) => `${e.device} ${e.mac}`;
  const held = new Map(observed.map((entry) => [id(entry), entry.dst]));
  const sole = new Map<string, WantedFdb>();
  const conflicts: Conflict[] = [];
  for (const entry of wanted) {
    const first = sole.get(id(entry));
    if (first === undefined) {
      sole.set(id(entry), entry);
      continue;
    }
    if (sameAddress(first.dst, entry.dst)) continue;
    const other = sameAddress(held.get(id(entry)) ?? null, entry.dst);
    const kept = other ? entry : first;
    sole.set(id(entry), kept);
    conflicts.push({
      kind: "fdb",
      key: `fdb ${entry.mac} dev ${entry.device}`,
      message:
        `VTEP MAC ${entry.mac} is published by ${first.dst} and ${entry.dst}; only ${kept.dst} is sent to`,
    });
  }
  return { sole: [...sole.values()], conflicts };
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
