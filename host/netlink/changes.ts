import type {
  Address,
  Family,
  FdbEntry,
  Neighbour,
  PolicyRule,
  Route,
  VxlanDetails,
} from "../../flannel/kernel.ts";

/**
 * A route to add, replace, append or delete. Members left out take iproute2's
 * defaults when adding (type `unicast`, table main, protocol boot, scope by
 * type and gateway) and match anything when deleting.
 */
export interface RouteChange {
  readonly kind: "route";
  /**
   * `add` fails with EEXIST where the prefix, metric and tos are taken;
   * `replace` takes that place; `append` adds beside it.
   */
  readonly op: "add" | "replace" | "append" | "delete";
  readonly route: Pick<Route, "family" | "dst"> & Partial<Route>;
}

/** A neighbour to write or delete; the state is PERMANENT by default. */
export interface NeighbourChange {
  readonly kind: "neighbour";
  readonly op: "add" | "replace" | "delete";
  readonly neighbour:
    & Pick<Neighbour, "device" | "address">
    & Partial<Neighbour>;
}

/**
 * A forwarding entry to write or delete. Without `master` it belongs to the
 * device itself (`self`), as vxlan entries do; it is permanent unless
 * `permanent` is false. `append` adds a further remote for the same MAC.
 */
export interface FdbChange {
  readonly kind: "fdb";
  readonly op: "add" | "replace" | "append" | "delete";
  readonly entry: Pick<FdbEntry, "device" | "mac"> & Partial<FdbEntry>;
}

/** An address to add, replace or delete. */
export interface AddressChange {
  readonly kind: "address";
  readonly op: "add" | "replace" | "delete";
  readonly address:
    & Pick<Address, "device" | "address" | "prefixLength">
    & Partial<Address>;
}

/** A policy rule to add or delete. Only modelled selectors can be written. */
export interface RuleChange {
  readonly kind: "rule";
  readonly op: "add" | "delete";
  readonly rule: Pick<PolicyRule, "family"> & Partial<PolicyRule>;
}

/** What may be set on a device. */
export interface LinkSettings {
  readonly up?: boolean;
  /** Whether it asks for neighbours' MACs; not of a TUN device. */
  readonly arp?: boolean;
  /** Bytes. */
  readonly mtu?: number;
  readonly mac?: string;
  /** A text for people. The kernel takes it from `set` only. */
  readonly alias?: string;
  /** Bridge to join by name; null to leave the bridge it is a port of. */
  readonly master?: string | null;
  /** Namespace to live in: a name as in `ip netns`, or a path. */
  readonly netns?: string;
}

/** A device to make. */
export interface LinkAdd extends LinkSettings {
  readonly kind: "link";
  readonly op: "add";
  readonly name: string;
  readonly type: "vxlan" | "bridge" | "veth";
  /** Of a vxlan device. */
  readonly vxlan?: Pick<VxlanDetails, "vni"> & Partial<VxlanDetails>;
  /**
   * Other end of a veth pair. It cannot be made up: the kernel configures it
   * before the pair is tied together, and answers ENOTCONN.
   */
  readonly peer?:
    & Omit<LinkSettings, "master" | "up">
    & { readonly name: string };
}

/** A change of an existing device. */
export interface LinkSet extends LinkSettings {
  readonly kind: "link";
  readonly op: "set";
  readonly name: string;
  /** New name. */
  readonly rename?: string;
}

/** A device to delete. */
export interface LinkDelete {
  readonly kind: "link";
  readonly op: "delete";
  readonly name: string;
}

/** A change of a device. */
export type LinkChange = LinkAdd | LinkSet | LinkDelete;

/** One change of the kernel's network state. */
export type NetlinkChange =
  | RouteChange
  | NeighbourChange
  | FdbChange
  | AddressChange
  | RuleChange
  | LinkChange;

/** Why the kernel, or the encoder before it, refused a change. */
export interface ChangeError {
  /** Symbolic error such as `EEXIST`; `ENODEV` for an unknown device name. */
  readonly code: string;
  /** What the kernel says, its extended acknowledgement included. */
  readonly message: string;
}

/** What became of one change; `error` is null when the kernel took it. */
export interface ChangeResult {
  readonly change: NetlinkChange;
  readonly error: ChangeError | null;
}

/** What a route lookup asks, `RTM_GETROUTE`. */
export interface RouteQuery {
  /** Address to reach. */
  readonly dst: string;
  /** Source address. */
  readonly from?: string;
  /** Device a forwarded packet came in by. */
  readonly iif?: string;
  /** Device the packet must leave by. */
  readonly oif?: string;
  /** Firewall mark. */
  readonly mark?: number;
}

/** Family of an address in text. */
export function familyOfText(address: string): Family {
  return address.includes(":") ? 6 : 4;
}
