/**
 * Repairs of tunnel devices.
 *
 * @module
 */
import { containsAddress, splitCidr, tryParseCidr } from "../flannel/cidr.ts";
import type { LocalNode, WantedDevice } from "../flannel/expected_types.ts";
import { FLANDOC_ALIAS } from "../flannel/kernel.ts";
import { diffDevice, RECREATE_ATTRIBUTES } from "../flannel/overlay_diff.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import type { LinkAdd } from "../host/netlink/changes.ts";
import { holderConflict } from "./device_names.ts";
import type { ObservedState } from "./kernel.ts";
import type { Conflict, Repair } from "./repair.ts";

/** What is to be done about one device, in order. */
export interface DevicePlan {
  readonly repairs: readonly Repair[];
  readonly conflicts: readonly Conflict[];
}

/** The change that makes a vxlan device. */
export function addVxlan(wanted: WantedDevice): LinkAdd {
  const { vxlan } = wanted;
  if (vxlan?.vni === undefined) {
    throw new TypeError(`Cannot make ${wanted.name}: it is no vxlan device`);
  }
  return {
    kind: "link",
    op: "add",
    name: wanted.name,
    type: "vxlan",
    mtu: wanted.mtu,
    up: true,
    ...(wanted.mac === null ? {} : { mac: wanted.mac }),
    vxlan: {
      ...vxlan,
      vni: vxlan.vni,
      l2miss: false,
      l3miss: false,
      proxy: false,
    },
  };
}

function addressChange(wanted: WantedDevice): Repair["change"] {
  const { address, prefixLength } = addressParts(wanted);
  return {
    kind: "address",
    op: "replace",
    address: {
      device: wanted.name,
      address,
      prefixLength,
      family: wanted.family,
      // Nobody else can have it; without, it is of no use for a second.
      ...wanted.family === 6 ? { flags: ["nodad"] } : {},
    },
  };
}

function addressParts(wanted: WantedDevice) {
  const parts = splitCidr(wanted.address);
  if (parts === null) {
    throw new SyntaxError(`Cannot parse address: "${wanted.address}"`);
  }
  const address = wanted.address.slice(0, wanted.address.indexOf("/"));
  return { address, prefixLength: parts.cidr.prefixLength };
}

/** Why a device is refused where none that there is explains it. */
function unmade({ name, vxlan }: WantedDevice): Record<string, string> {
  return {
    EEXIST: `No device here has VNI ${vxlan?.vni}: ${name} may have been ` +
      "moved to another network namespace, where it keeps it: delete it there",
    EADDRINUSE: `Some program has UDP port ${vxlan?.port}: ` +
      `ss -lunp sport = :${vxlan?.port}`,
  };
}

/**
 * What puts one tunnel device right. A vxlan device that differs in what
 * cannot be changed is made anew, and one that learns though it should not or
 * the other way round; its routes, neighbours and FDB entries go with it, so
 * that everything else is to be looked at again after this. It is left while
 * somebody else's device has its VNI and port. A TUN device is made by the
 * packet path, which lives on it. Other addresses go when they are
 * of the network, as flannel does (IPv4), or at all (IPv6).
 */
export function planDevice(
  wanted: WantedDevice,
  observed: ObservedState,
  config: NetworkConfig,
  node: LocalNode,
): DevicePlan {
  const diff = diffDevice(wanted, observed.links, observed.addresses, node);
  const key = `device ${wanted.name}`;
  const plan = (...repairs: Repair[]) => ({ repairs, conflicts: [] });
  const device = (
    why: Repair["why"],
    change: Repair["change"],
    found: string | null,
  ): Repair => ({ kind: "device", key, why, change, found });
  const address: Repair = {
    kind: "address",
    key: `address ${wanted.address} dev ${wanted.name}`,
    why: "missing",
    change: addressChange(wanted),
    found: null,
  };
  // By this --cleanup knows that it may go.
  const mark: Repair = {
    kind: "device",
    key: `${key} alias`,
    why: "missing",
    change: {
      kind: "link",
      op: "set",
      name: wanted.name,
      alias: FLANDOC_ALIAS,
    },
    found: null,
  };
  const isTun = wanted.kind === "tun";
  if (isTun && diff.observed?.kind !== "tun") {
    const found = diff.observed === null
      ? "is not there"
      : `is of kind ${diff.observed.kind ?? "none"}`;
    const message = `Device ${wanted.name} of the udp backend ${found}`;
    return { repairs: [], conflicts: [{ kind: "device", key, message }] };
  }
  const made = () => [
    { ...device("missing", addVxlan(wanted), null), hints: unmade(wanted) },
    mark,
    address,
  ];
  const isUnfit = diff.observed === null ||
    diff.differences.some(({ attribute }) =>
      RECREATE_ATTRIBUTES.has(attribute) || attribute === "learning"
    );
  const isAbsent = isUnfit || diff.observed?.up === false;
  const conflict = isAbsent ? holderConflict(wanted, observed.links) : null;
  if (conflict !== null) return { repairs: [], conflicts: [conflict] };
  if (diff.observed === null) return plan(...made());
  const found = diff.differences
    .map((d) => `${d.attribute} ${d.current} instead of ${d.wanted}`)
    .join(", ");
  if (isUnfit) {
    const remove = { kind: "link", op: "delete", name: wanted.name } as const;
    return plan(
      device("wrong", remove, found),
      ...made(),
    );
  }
  const repairs: Repair[] = [];
  const named = new Set(diff.differences.map((d) => d.attribute));
  // One by one: what the kernel refuses must not keep the rest from it.
  const settings = [
    ...named.has("mtu") ? [{ mtu: wanted.mtu }] : [],
    ...named.has("mac") && wanted.mac !== null ? [{ mac: wanted.mac }] : [],
    ...named.has("arp") ? [{ arp: true }] : [],
    ...named.has("master") ? [{ master: null }] : [],
    ...named.has("up") ? [{ up: true }] : [],
  ];
  for (const setting of settings) {
    const [attribute] = Object.keys(setting);
    repairs.push({
      kind: "device",
      key: `${key} ${attribute}`,
      why: "wrong",
      change: { kind: "link", op: "set", name: wanted.name, ...setting },
      found,
    });
  }
  if (named.has("address")) repairs.push(address);
  for (const extra of diff.extraAddresses) {
    const range = wanted.family === 4 ? config.ipv4 : config.ipv6;
    const network = range === null ? null : tryParseCidr(range.network);
    const inside = network !== null && containsAddress(network, extra.address);
    if (wanted.family === 4 && !inside) continue;
    repairs.push({
      kind: "address",
      key: `address ${extra.address}/${extra.prefixLength} dev ${wanted.name}`,
      why: "stale",
      change: { kind: "address", op: "delete", address: extra },
      found: `${extra.address}/${extra.prefixLength}`,
    });
  }
  return plan(...repairs);
}
