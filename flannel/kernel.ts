/**
 * Kernel network objects as flandoc models them: plain data, named after the
 * kernel's own attributes, serialisable as JSON. `host/netlink` produces them,
 * `flannel/` computes which of them a network implies, `checks/` compares.
 *
 * Devices are referred to by name, as an administrator does; `host/netlink`
 * resolves names to indexes at the moment of a dump or a change.
 *
 * @module
 */

/** Address family: IPv4 or IPv6. */
export type Family = 4 | 6;

/** Details of a vxlan device, `IFLA_INFO_DATA` of kind `vxlan`. */
export interface VxlanDetails {
  /** VXLAN network identifier, 0 to 16777215. */
  readonly vni: number;
  /** UDP destination port. */
  readonly port: number;
  /** Source address of outer packets, or null when the kernel chooses. */
  readonly local: string | null;
  /** Remote or multicast group address, or null. */
  readonly group: string | null;
  /** Name of the lower device, or null. */
  readonly lower: string | null;
  /** Whether the device learns FDB entries from packets. */
  readonly learning: boolean;
  /** Group based policy extension. */
  readonly gbp: boolean;
  readonly l2miss: boolean;
  readonly l3miss: boolean;
  readonly proxy: boolean;
  /** Outer UDP checksum over IPv4. */
  readonly udpCsum: boolean;
  readonly udp6ZeroCsumTx: boolean;
  readonly udp6ZeroCsumRx: boolean;
  /** FDB ageing time in seconds. */
  readonly ageing: number;
  /** Outer TTL, 0 for automatic. */
  readonly ttl: number;
  /** Takes VNI and destination from each packet, as Cilium's and OVS's do. */
  readonly external?: boolean;
}

/** A network device, `RTM_NEWLINK`. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** `IFLA_INFO_KIND` such as `vxlan`, `bridge`, `veth`, `tun`; null if none. */
  readonly kind: string | null;
  /** `IFF_UP`: administratively up. */
  readonly up: boolean;
  /** `IFF_LOWER_UP`: has carrier. */
  readonly carrier: boolean;
  readonly loopback: boolean;
  readonly pointToPoint: boolean;
  /** `IFF_NOARP`. */
  readonly noArp: boolean;
  /** RFC 2863 state in upper case as `ip link` prints it: UP, DOWN, UNKNOWN… */
  readonly operState: string;
  /** Bytes. */
  readonly mtu: number;
  /** Link-layer address in lower case with colons, or null. */
  readonly mac: string | null;
  /** Name of the bridge or bond this device is a port of, or null. */
  readonly master: string | null;
  /** `IFLA_LINK` in this namespace by name, or null. */
  readonly lower: string | null;
  /** `IFLA_IFALIAS`; absent without one. */
  readonly alias?: string;
  /** Present for vxlan devices only. */
  readonly vxlan?: VxlanDetails;
}

/** An address on a device, `RTM_NEWADDR`. */
export interface Address {
  readonly device: string;
  readonly family: Family;
  /** `IFA_LOCAL`, without prefix length. */
  readonly address: string;
  readonly prefixLength: number;
  /** Peer address of a point-to-point link, or null. */
  readonly peer: string | null;
  /** `global`, `site`, `link`, `host` or a number in text. */
  readonly scope: string;
  readonly broadcast: string | null;
  readonly label: string | null;
  /** Names as `ip address` prints them: secondary, dynamic, deprecated, … */
  readonly flags: readonly string[];
}

/** One hop of a route. */
export interface Nexthop {
  readonly gateway: string | null;
  readonly device: string | null;
  /** 1 for an ordinary hop. */
  readonly weight: number;
  readonly onlink: boolean;
  /** `RTNH_F_LINKDOWN` or `RTNH_F_DEAD`. */
  readonly down: boolean;
}

/** A route of any table, `RTM_NEWROUTE`. */
export interface Route {
  readonly family: Family;
  /** Canonical CIDR; the default route is `0.0.0.0/0` or `::/0`. */
  readonly dst: string;
  /** unicast, local, broadcast, blackhole, unreachable, prohibit, throw, … */
  readonly type: string;
  /** Table number; main is 254, local 255. */
  readonly table: number;
  /** Protocol number; kernel 2, boot 3, static 4. */
  readonly protocol: number;
  /** Scope number; universe 0, link 253, host 254. */
  readonly scope: number;
  /** `RTA_PRIORITY`, 0 when absent. */
  readonly metric: number;
  readonly tos: number;
  /** Gateway of a route with one hop, or null. */
  readonly gateway: string | null;
  /** Device of a route with one hop, or null. */
  readonly device: string | null;
  readonly onlink: boolean;
  /** `RTNH_F_LINKDOWN` or `RTNH_F_DEAD` on the only hop. */
  readonly down: boolean;
  /** Preferred source address, or null. */
  readonly prefsrc: string | null;
  /** Route MTU from `RTA_METRICS`, or null. */
  readonly mtu: number | null;
  /** Hops of a multipath route; absent for an ordinary one. */
  readonly nexthops?: readonly Nexthop[];
}

/** A policy routing rule, `RTM_NEWRULE`. */
export interface PolicyRule {
  readonly family: Family;
  readonly priority: number;
  /** CIDR, or null for all. */
  readonly from: string | null;
  /** CIDR, or null for all. */
  readonly to: string | null;
  readonly iif: string | null;
  readonly oif: string | null;
  readonly fwmark: number | null;
  readonly fwmask: number | null;
  readonly table: number;
  /** lookup, goto, nop, blackhole, unreachable, prohibit. */
  readonly action: string;
  readonly not: boolean;
  /** Selectors flandoc does not model, in iproute2's words. */
  readonly other: readonly string[];
}

/** A neighbour (ARP or NDP) entry, `RTM_NEWNEIGH`. */
export interface Neighbour {
  readonly device: string;
  readonly family: Family;
  readonly address: string;
  readonly mac: string | null;
  /** PERMANENT, REACHABLE, STALE, FAILED, … in upper case. */
  readonly state: string;
}

/** A forwarding database entry of a bridge port or vxlan device. */
export interface FdbEntry {
  readonly device: string;
  readonly mac: string;
  /** Remote tunnel endpoint of a vxlan entry, or null. */
  readonly dst: string | null;
  /** `NTF_SELF`. */
  readonly self: boolean;
  /** Name of the bridge, or null. */
  readonly master: string | null;
  /** `NUD_PERMANENT`. */
  readonly permanent: boolean;
  readonly vlan: number | null;
}

/** Route protocol number of routes that `flandoc run` makes. */
export const FLANDOC_PROTOCOL = 107;

/** Alias of devices that `flandoc run` makes, so that they are known as its. */
export const FLANDOC_ALIAS = "flandoc";

/** Route protocol `boot`, which flanneld uses. */
export const BOOT_PROTOCOL = 3;

/** Number of the main routing table. */
export const MAIN_TABLE = 254;

/** Number of the local routing table, which repeats the own addresses. */
export const LOCAL_TABLE = 255;

/** Number of the default routing table, the last that is asked. */
export const DEFAULT_TABLE = 253;

/** `RTPROT_RA` of rtnetlink(7): routes out of router advertisements. */
export const RA_PROTOCOL = 9;

/** `RTPROT_KERNEL` of rtnetlink(7): routes the kernel makes for addresses. */
export const KERNEL_PROTOCOL = 2;

/** Mask of a rule or packet mark that leaves no bit out. */
export const WHOLE_MARK = 0xffffffff;

/** `RTA_PRIORITY` the kernel gives a route that asks for none. */
export function defaultMetric(family: Family): number {
  return family === 4 ? 0 : 1024;
}
