/**
 * What `ip -json -details` and `bridge -json` print, turned into flandoc's
 * kernel objects: an independent reader to compare netlink dumps with.
 *
 * @module
 */
import type {
  Address,
  Family,
  FdbEntry,
  Link,
  Neighbour,
  Nexthop,
  PolicyRule,
  Route,
} from "../../flannel/kernel.ts";

/** JSON with sorted members, to compare as text. */
export function sorted(value: unknown): string {
  return JSON.stringify(
    value,
    (_, inner) =>
      inner !== null && typeof inner === "object" && !Array.isArray(inner)
        ? Object.fromEntries(
          Object.entries(inner).sort(([a], [b]) => a < b ? -1 : 1),
        )
        : inner,
  );
}

/** One device of `ip -d -j link`. */
export interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly link?: string | null;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly master?: string;
  readonly operstate: string;
  readonly address?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: IpVxlan;
  };
}

interface IpVxlan {
  readonly id?: number;
  readonly port?: number;
  readonly local?: string;
  readonly local6?: string;
  readonly group?: string;
  readonly group6?: string;
  readonly link?: string;
  readonly learning?: boolean;
  readonly gbp?: boolean;
  readonly l2miss?: boolean;
  readonly l3miss?: boolean;
  readonly proxy?: boolean;
  readonly udp_csum?: boolean;
  readonly udp_zero_csum6_tx?: boolean;
  readonly udp_zero_csum6_rx?: boolean;
  readonly ageing?: number;
  readonly ttl?: number;
}

/** The link `ip` prints. */
export function link(ip: IpLink): Link {
  const kind = ip.linkinfo?.info_kind ?? null;
  return {
    index: ip.ifindex,
    name: ip.ifname,
    kind,
    up: ip.flags.includes("UP"),
    carrier: ip.flags.includes("LOWER_UP"),
    loopback: ip.flags.includes("LOOPBACK"),
    pointToPoint: ip.flags.includes("POINTOPOINT"),
    noArp: ip.flags.includes("NOARP"),
    operState: ip.operstate,
    mtu: ip.mtu,
    mac: ip.address ?? null,
    master: ip.master ?? null,
    lower: ip.link ?? null,
    ...(kind === "vxlan" ? { vxlan: vxlan(ip.linkinfo?.info_data ?? {}) } : {}),
  };
}

function vxlan(data: IpVxlan): NonNullable<Link["vxlan"]> {
  return {
    vni: data.id ?? -1,
    port: data.port ?? -1,
    local: data.local ?? data.local6 ?? null,
    group: data.group ?? data.group6 ?? null,
    lower: data.link ?? null,
    learning: data.learning === true,
    gbp: data.gbp === true,
    l2miss: data.l2miss === true,
    l3miss: data.l3miss === true,
    proxy: data.proxy === true,
    udpCsum: data.udp_csum === true,
    udp6ZeroCsumTx: data.udp_zero_csum6_tx === true,
    udp6ZeroCsumRx: data.udp_zero_csum6_rx === true,
    ageing: data.ageing ?? 0,
    ttl: data.ttl ?? 0,
  };
}

/** One device of `ip -d -j address`. */
export interface IpAddresses {
  readonly ifname: string;
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly address?: string;
    readonly prefixlen: number;
    readonly scope: string;
    readonly broadcast?: string;
    readonly label?: string;
    readonly [flag: string]: unknown;
  }[];
}

const FLAGS = [
  "secondary",
  "temporary",
  "nodad",
  "optimistic",
  "dadfailed",
  "home",
  "deprecated",
  "tentative",
  "mngtmpaddr",
  "noprefixroute",
  "autojoin",
  "stable-privacy",
  "dynamic",
];

/** The addresses `ip` prints for one device. */
export function addresses({ ifname, addr_info }: IpAddresses): Address[] {
  return addr_info.map((info) => ({
    device: ifname,
    family: info.family === "inet" ? 4 : 6,
    address: info.local,
    prefixLength: info.prefixlen,
    peer: info.address ?? null,
    scope: info.scope,
    broadcast: info.broadcast ?? null,
    label: info.label ?? null,
    flags: FLAGS.filter((flag) => info[flag] === true),
  }));
}

/** One route of `ip -d -j -N route show table all`. */
export interface IpRoute {
  readonly type?: string;
  readonly dst: string;
  readonly gateway?: string;
  readonly via?: { readonly host: string };
  readonly dev?: string;
  readonly table?: string;
  readonly protocol?: string;
  readonly scope?: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  readonly tos?: string;
  readonly flags?: readonly string[];
  readonly metrics?: readonly { readonly mtu?: number }[];
  readonly nexthops?: readonly {
    readonly gateway?: string;
    readonly dev?: string;
    readonly weight: number;
    readonly flags: readonly string[];
  }[];
}

const TYPES: Readonly<Record<string, string>> = {
  1: "unicast",
  2: "local",
  3: "broadcast",
  4: "anycast",
  5: "multicast",
  6: "blackhole",
  7: "unreachable",
  8: "prohibit",
  9: "throw",
};

/** The route `ip -N` prints. */
export function route(ip: IpRoute, family: number): Route {
  const flags = ip.flags ?? [];
  return {
    family: family as Family,
    dst: cidr(ip.dst, family),
    type: TYPES[ip.type ?? "1"] ?? ip.type ?? "unicast",
    table: Number(ip.table ?? 254),
    protocol: Number(ip.protocol),
    scope: Number(ip.scope ?? 0),
    metric: ip.metric ?? 0,
    tos: Number(ip.tos ?? 0),
    gateway: ip.gateway ?? ip.via?.host ?? null,
    device: ip.dev ?? null,
    onlink: flags.includes("onlink"),
    down: isDown(flags),
    prefsrc: ip.prefsrc ?? null,
    mtu: ip.metrics?.find(({ mtu }) => mtu !== undefined)?.mtu ?? null,
    ...(ip.nexthops === undefined
      ? {}
      : { nexthops: ip.nexthops.map(nexthop) }),
  };
}

function nexthop(
  hop: NonNullable<IpRoute["nexthops"]>[number],
): Nexthop {
  return {
    gateway: hop.gateway ?? null,
    device: hop.dev ?? null,
    weight: hop.weight,
    onlink: hop.flags.includes("onlink"),
    down: isDown(hop.flags),
  };
}

function isDown(flags: readonly string[]): boolean {
  return flags.includes("dead") || flags.includes("linkdown");
}

function cidr(text: string, family: number): string {
  if (text === "default") return family === 4 ? "0.0.0.0/0" : "::/0";
  return text.includes("/") ? text : `${text}/${family === 4 ? 32 : 128}`;
}

/** One rule of `ip -d -j -N rule`. */
export interface IpRule {
  readonly priority: number;
  readonly not?: null;
  readonly src: string;
  readonly srclen?: number;
  readonly dst?: string;
  readonly dstlen?: number;
  readonly tos?: string;
  readonly fwmark?: string;
  readonly fwmask?: string;
  readonly iif?: string;
  readonly oif?: string;
  readonly uid_start?: number;
  readonly uid_end?: number;
  readonly ipproto?: string;
  readonly dport?: number;
  readonly dport_start?: number;
  readonly dport_end?: number;
  readonly table?: string;
  readonly suppress_prefixlen?: number;
  readonly action?: string;
  readonly goto?: number;
}

/** The rule `ip -N` prints. */
export function rule(ip: IpRule, family: number): PolicyRule {
  const fwmark = ip.fwmark === undefined ? null : Number(ip.fwmark);
  const whole = fwmark === null ? null : 0xffffffff;
  const goto = ip.goto !== undefined;
  return {
    family: family as Family,
    priority: ip.priority,
    from: ip.src === "all" ? null : `${ip.src}/${ip.srclen ?? 32}`,
    to: ip.dst === undefined ? null : `${ip.dst}/${ip.dstlen ?? 32}`,
    iif: ip.iif ?? null,
    oif: ip.oif ?? null,
    fwmark,
    fwmask: ip.fwmask === undefined ? whole : Number(ip.fwmask),
    table: Number(ip.table ?? 0),
    action: goto ? "goto" : TYPES[ip.action ?? ""] ?? ip.action ?? "lookup",
    not: ip.not === null,
    other: otherSelectors(ip),
  };
}

/** `ip -N` leaves the names of protocols out. */
const PROTOCOLS: Readonly<Record<string, string>> = { "ipproto-6": "tcp" };

function otherSelectors(ip: IpRule): string[] {
  const words: string[] = [];
  if (ip.tos !== undefined) words.push(`tos ${ip.tos}`);
  if (ip.goto !== undefined) words.push(`goto ${ip.goto}`);
  if (ip.uid_start !== undefined) {
    words.push(`uidrange ${ip.uid_start}-${ip.uid_end}`);
  }
  if (ip.ipproto !== undefined) {
    words.push(`ipproto ${PROTOCOLS[ip.ipproto] ?? ip.ipproto}`);
  }
  if (ip.dport !== undefined) words.push(`dport ${ip.dport}`);
  if (ip.dport_start !== undefined) {
    words.push(`dport ${ip.dport_start}-${ip.dport_end}`);
  }
  if (ip.suppress_prefixlen !== undefined) {
    words.push(`suppress_prefixlength ${ip.suppress_prefixlen}`);
  }
  return words.sort();
}

/** One entry of `ip -j neigh show nud all`. */
export interface IpNeighbour {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
  readonly state: readonly string[];
}

/** The neighbour `ip` prints. */
export function neighbour(ip: IpNeighbour): Neighbour {
  return {
    device: ip.dev,
    family: ip.dst.includes(":") ? 6 : 4,
    address: ip.dst,
    mac: ip.lladdr ?? null,
    state: ip.state.join(","),
  };
}

/** One entry of `bridge -j fdb`. */
export interface BridgeFdb {
  readonly mac: string;
  readonly ifname: string;
  readonly vlan?: number;
  readonly dst?: string;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly state: string;
}

/** The forwarding entry `bridge` prints. */
export function fdb(ip: BridgeFdb): FdbEntry {
  return {
    device: ip.ifname,
    mac: ip.mac,
    dst: ip.dst ?? null,
    self: ip.flags.includes("self"),
    master: ip.master ?? null,
    permanent: ip.state === "permanent",
    vlan: ip.vlan ?? null,
  };
}
