/**
 * What the checks of vxlan devices share.
 *
 * @module
 */
import { canonicalAddress } from "../../flannel/address.ts";
import { settle, type Settled } from "../../flannel/contested.ts";
import type {
  ExpectedState,
  LocalNode,
  WantedFdb,
  WantedNeighbour,
} from "../../flannel/expected_types.ts";
import type { Address, Link, Neighbour } from "../../flannel/kernel.ts";
import { type DeviceDiff, diffDevice } from "../../flannel/overlay_diff.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";

/** Facts that devices are compared by. */
export interface DeviceFacts {
  readonly expected: ExpectedState;
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly node: LocalNode;
}

/** The vxlan devices this host should have, with what there is. */
export function vxlanDevices(facts: DeviceFacts): DeviceDiff[] {
  const { expected, links, addresses, node } = facts;
  return expected.devices.filter(({ kind }) => kind === "vxlan")
    .map((wanted) => diffDevice(wanted, links, addresses, node));
}

/** Names of the vxlan devices this host should have. */
export function vxlanNames(expected: ExpectedState): ReadonlySet<string> {
  return new Set(
    expected.devices.filter(({ kind }) => kind === "vxlan")
      .map(({ name }) => name),
  );
}

/** Neighbour entries of peers, one for each subnet however many claim it. */
export function settledNeighbours(
  { neighbours: wanted }: ExpectedState,
  neighbours: readonly Neighbour[],
): Settled<WantedNeighbour> {
  const place = (entry: Pick<Neighbour, "device" | "address">) =>
    `${entry.device} ${canonicalAddress(entry.address) ?? entry.address}`;
  let macs: Map<string, string | null> | undefined;
  return settle(wanted, {
    place,
    content: ({ mac }) => mac ?? "",
    isThere: (entry) => {
      macs ??= new Map(neighbours.map((each) => [place(each), each.mac]));
      return macs.get(place(entry)) === entry.mac;
    },
  });
}

/**
 * FDB entries of peers without those of hosts that nothing is sent to, since
 * the neighbour entry of the subnet they claim has a rival's MAC or none.
 */
export function settledFdb(
  expected: ExpectedState,
  neighbours: readonly Neighbour[],
): readonly WantedFdb[] {
  const { lost, rivals } = settledNeighbours(expected, neighbours);
  if (lost.size === 0) return expected.fdb;
  const unused = [...lost, ...rivals.keys()];
  return expected.fdb.filter(({ device, peer }) =>
    !unused.some((entry) => entry.device === device && entry.peer === peer)
  );
}

/**
 * The skip of checks of vxlan devices: the records imply none. The device
 * follows from the own lease; without, nobody can say how it should be.
 */
export function unlessVxlan(
  facts: Facts,
): "no-vxlan" | "no-own-lease" | undefined {
  const expected = valueOf(facts.expected);
  if (expected === undefined || vxlanNames(expected).size > 0) return undefined;
  const isVxlan = valueOf(facts.config)?.backendType === "vxlan";
  return isVxlan && valueOf(facts.node)?.lease === null
    ? "no-own-lease"
    : "no-vxlan";
}

/** The skip of checks of entries for peers: none is reached through vxlan. */
export function unlessVxlanPeers(
  facts: Facts,
): ReturnType<typeof unlessVxlan> | "no-vxlan-peers" {
  const expected = valueOf(facts.expected);
  const skip = unlessVxlan(facts);
  if (skip !== undefined) return skip;
  return expected?.neighbours.length === 0 ? "no-vxlan-peers" : undefined;
}

/** Texts of those skips. */
export const NO_VXLAN = {
  en: {
    "no-vxlan": "the records ask for no vxlan device here",
    "no-own-lease":
      "this host's own lease is not known, from which the device follows",
    "no-vxlan-peers": "no peer is reached through the vxlan device",
  },
  zh: {
    "no-vxlan": "按记录本机不需要 vxlan 设备",
    "no-own-lease": "本机自己的租约未知，设备应是怎样由它决定",
    "no-vxlan-peers": "没有经 vxlan 设备到达的对端",
  },
} as const;
