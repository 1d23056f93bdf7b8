/**
 * Difference between wanted and observed devices, neighbours and FDB entries.
 *
 * @module
 */
import { canonicalAddress } from "./address.ts";
import { sameAddress } from "./cidr.ts";
import type {
  LocalNode,
  WantedDevice,
  WantedFdb,
  WantedNeighbour,
} from "./expected_types.ts";
import type { Address, FdbEntry, Link, Neighbour } from "./kernel.ts";

/** A neighbour entry with another MAC, or one that can expire. */
export interface WrongNeighbour {
  readonly wanted: WantedNeighbour;
  readonly observed: Neighbour;
  readonly differs: readonly ("mac" | "state")[];
}

/** Everything that differs among neighbours. */
export interface NeighbourDiff {
  readonly missing: readonly WantedNeighbour[];
  readonly wrong: readonly WrongNeighbour[];
  /** Permanent entries on flannel's devices for which there is no peer. */
  readonly stale: readonly Neighbour[];
}

/** Compares permanent neighbours on the devices given. */
export function diffNeighbours(
  wanted: readonly WantedNeighbour[],
  observed: readonly Neighbour[],
  devices: ReadonlySet<string>,
): NeighbourDiff {
  const key = (n: { device: string; address: string }) =>
    `${n.device} ${canonicalAddress(n.address) ?? n.address}`;
  const found = new Map<string, Neighbour>();
  for (const entry of observed) {
    if (devices.has(entry.device)) found.set(key(entry), entry);
  }
  const missing: WantedNeighbour[] = [];
  const wrong: WrongNeighbour[] = [];
  for (const entry of wanted) {
    const there = found.get(key(entry));
    found.delete(key(entry));
    // A FAILED or INCOMPLETE entry without MAC is the kernel's, of a packet
    // sent while ours was away.
    if (there === undefined || there.mac === null) missing.push(entry);
    else {
      const differs: ("mac" | "state")[] = [];
      if (there.mac !== entry.mac) differs.push("mac");
      if (there.state !== "PERMANENT") differs.push("state");
      if (differs.length > 0) {
        wrong.push({ wanted: entry, observed: there, differs });
      }
    }
  }
  const stale = [...found.values()].filter((n) => n.state === "PERMANENT");
  return { missing, wrong, stale };
}

/** An FDB entry that sends a peer's frames to another host. */
export interface WrongFdb {
  readonly wanted: WantedFdb;
  readonly observed: FdbEntry;
  readonly differs: readonly ("dst" | "permanent")[];
}

/** Everything that differs among FDB entries. */
export interface FdbDiff {
  readonly missing: readonly WantedFdb[];
  readonly wrong: readonly WrongFdb[];
  /** Permanent entries on flannel's devices for which there is no peer. */
  readonly stale: readonly FdbEntry[];
}

/** Destination for unknown frames; flannel makes none, others may. */
const FLOOD_MAC = "00:00:00:00:00:00";

/** Compares static FDB entries on the devices given. */
export function diffFdb(
  wanted: readonly WantedFdb[],
  observed: readonly FdbEntry[],
  devices: ReadonlySet<string>,
): FdbDiff {
  const key = (e: { device: string; mac: string }) => `${e.device} ${e.mac}`;
  const found = new Map<string, FdbEntry[]>();
  for (const entry of observed) {
    if (!devices.has(entry.device) || entry.dst === null) continue;
    const list = found.get(key(entry));
    if (list === undefined) found.set(key(entry), [entry]);
    else list.push(entry);
  }
  const missing: WantedFdb[] = [];
  const wrong: WrongFdb[] = [];
  const used = new Set<FdbEntry>();
  for (const entry of wanted) {
    const list = found.get(key(entry)) ?? [];
    const there = list.find((e) => sameAddress(e.dst, entry.dst)) ?? list[0];
    if (there === undefined) {
      missing.push(entry);
      continue;
    }
    const differs: ("dst" | "permanent")[] = [];
    if (!sameAddress(there.dst, entry.dst)) differs.push("dst");
    if (!there.permanent) differs.push("permanent");
    if (differs.length > 0) {
      wrong.push({ wanted: entry, observed: there, differs });
    }
    used.add(there);
  }
  const stale = [...found.values()].flat().filter((e) =>
    !used.has(e) && e.permanent && e.mac !== FLOOD_MAC
  );
  return { missing, wrong, stale };
}

/** Attributes in which a tunnel device can differ. */
export type DeviceAttribute =
  | "kind"
  | "up"
  | "mtu"
  | "mac"
  | "vni"
  | "port"
  | "local"
  | "lower"
  | "learning"
  | "gbp"
  | "l2miss"
  | "remote"
  | "ttl"
  | "arp"
  | "master"
  | "address";

/** One attribute with its values as text. */
export interface DeviceDifference {
  readonly attribute: DeviceAttribute;
  readonly current: string;
  readonly wanted: string;
}

/** A wanted device and how the observed one differs. */
export interface DeviceDiff {
  readonly wanted: WantedDevice;
  /** Null when there is no device of that name. */
  readonly observed: Link | null;
  readonly differences: readonly DeviceDifference[];
  /** Other addresses of the family on it, link-local ones left out. */
  readonly extraAddresses: readonly Address[];
}

/** Differences that only making the device anew can mend. */
export const RECREATE_ATTRIBUTES: ReadonlySet<DeviceAttribute> = new Set([
  "kind",
  "vni",
  "port",
  "local",
  "lower",
  "gbp",
  "l2miss",
  "remote",
  "ttl",
]);

/** Differences of the vxlan part; absent wanted values ask nothing. */
function vxlanDifferences(
  wanted: WantedDevice,
  link: Link,
  node: LocalNode,
): DeviceDifference[] {
  const want = wanted.vxlan;
  const have = link.vxlan;
  if (want === undefined || have === undefined) return [];
  const published = wanted.family === 4 ? node.publicIP : node.publicIPv6;
  const differences: DeviceDifference[] = [];
  for (
    const name of ["vni", "port", "lower", "learning", "gbp", "local"] as const
  ) {
    const a = want[name] ?? null;
    const b = have[name];
    if (want[name] === undefined || a === b) continue;
    if (
      name === "local" &&
      (sameAddress(a as string, b as string) ||
        sameAddress(published, b as string))
    ) continue;
    differences.push({
      attribute: name,
      current: String(b ?? "none"),
      wanted: String(a ?? "none"),
    });
  }
  // What flannel before v0.9 asked for.
  if (have.l2miss) {
    differences.push({ attribute: "l2miss", current: "true", wanted: "false" });
  }
  // What flannel never sets and `ip link set type vxlan` changes.
  if (have.group !== null) {
    const current = have.group;
    differences.push({ attribute: "remote", current, wanted: "none" });
  }
  if (have.ttl !== 0) {
    const current = String(have.ttl);
    differences.push({ attribute: "ttl", current, wanted: "auto" });
  }
  return differences;
}

/** Compares one wanted device with what the host has. */
export function diffDevice(
  wanted: WantedDevice,
  links: readonly Link[],
  addresses: readonly Address[],
  node: LocalNode,
): DeviceDiff {
  const link = links.find((l) => l.name === wanted.name) ?? null;
  if (link === null) {
    return { wanted, observed: null, differences: [], extraAddresses: [] };
  }
  const differences: DeviceDifference[] = [];
  const add = (attribute: DeviceAttribute, a: unknown, b: unknown) => {
    if (a === b) return;
    differences.push({ attribute, current: String(a), wanted: String(b) });
  };
  add("kind", link.kind ?? "none", wanted.kind);
  add("up", link.up ? "up" : "down", "up");
  add("mtu", link.mtu, wanted.mtu);
  if (wanted.mac !== null) add("mac", link.mac ?? "none", wanted.mac);
  differences.push(...vxlanDifferences(wanted, link, node));
  // Without ARP the kernel makes up neighbours of the device's own MAC.
  if (wanted.kind === "vxlan") add("arp", link.noArp ? "off" : "on", "on");
  // What arrives at a bridge's port is the bridge's.
  add("master", link.master ?? "none", "none");
  const held = addresses.filter((a) =>
    a.device === wanted.name && a.family === wanted.family &&
    a.scope !== "link"
  );
  const is = (a: Address) =>
    `${canonicalAddress(a.address)}/${a.prefixLength}` === wanted.address;
  if (!held.some(is)) {
    const current = held.map((a) => `${a.address}/${a.prefixLength}`);
    add("address", current.join(", ") || "none", wanted.address);
  }
  const extraAddresses = held.filter((a) => !is(a));
  return { wanted, observed: link, differences, extraAddresses };
}
