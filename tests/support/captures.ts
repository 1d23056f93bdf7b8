/**
 * Reads the captures of healthy hosts: flanneld v0.11.0 on etcd v2, two hosts
 * each, kernel state as `ip -d -j` and `bridge -j` printed it.
 *
 * @module
 */
import { join } from "node:path";
import type {
  Address,
  FdbEntry,
  Link,
  Neighbour,
  PolicyRule,
  Route,
} from "../../flannel/kernel.ts";
import type { LeaseRecord } from "../../flannel/lease.ts";

/** Names of the captured networks. */
export const CAPTURES = [
  "host-gw",
  "host-gw-ip-masq",
  "udp",
  "vxlan",
  "vxlan-direct-routing",
  "vxlan-vni-port",
] as const;

/** What one host and its network's store had. */
export interface Capture {
  readonly config: string;
  readonly leases: readonly LeaseRecord[];
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  readonly neighbours: readonly Neighbour[];
  readonly fdb: readonly FdbEntry[];
  readonly rules: readonly PolicyRule[];
  readonly subnetEnv: string;
  /** flanneld's arguments, without the program. */
  readonly args: readonly string[];
}

type Json = Record<string, unknown>;

const ROOT = join(import.meta.dirname ?? ".", "..", "captures");
const TABLES: Record<string, number> = { main: 254, local: 255, default: 253 };
const PROTOCOLS: Record<string, number> = {
  kernel: 2,
  boot: 3,
  static: 4,
  ra: 9,
};
const SCOPES: Record<string, number> = { global: 0, link: 253, host: 254 };

function json(...path: string[]): Json[] {
  return JSON.parse(Deno.readTextFileSync(join(ROOT, ...path)));
}

function number(names: Record<string, number>, value: unknown): number {
  return names[String(value)] ?? Number(value);
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function flags(object: Json): readonly string[] {
  return (object["flags"] ?? []) as string[];
}

function cidr(value: string, family: 4 | 6): string {
  if (value === "default") return family === 4 ? "0.0.0.0/0" : "::/0";
  return value.includes("/") ? value : `${value}/${family === 4 ? 32 : 128}`;
}

function familyOf(...values: unknown[]): 4 | 6 {
  return values.some((v) => String(v).includes(":")) ? 6 : 4;
}

function readLink(object: Json, names: Map<unknown, string>): Link {
  const info = (object["linkinfo"] ?? {}) as Json;
  const data = (info["info_data"] ?? {}) as Json;
  const has = (flag: string) => flags(object).includes(flag);
  const link: Link = {
    index: Number(object["ifindex"]),
    name: String(object["ifname"]),
    kind: text(info["info_kind"]),
    up: has("UP"),
    carrier: has("LOWER_UP"),
    loopback: has("LOOPBACK"),
    pointToPoint: has("POINTOPOINT"),
    noArp: has("NOARP"),
    operState: String(object["operstate"]),
    mtu: Number(object["mtu"]),
    mac: text(object["address"]),
    master: text(object["master"]),
    lower: object["link_netnsid"] === undefined
      ? names.get(object["link_index"]) ?? null
      : null,
  };
  if (link.kind !== "vxlan") return link;
  return {
    ...link,
    vxlan: {
      vni: Number(data["id"]),
      port: Number(data["port"]),
      local: text(data["local"]),
      group: text(data["group"]),
      lower: text(data["link"]),
      learning: data["learning"] === true,
      gbp: data["gbp"] === true,
      l2miss: data["l2miss"] === true,
      l3miss: data["l3miss"] === true,
      proxy: data["proxy"] === true,
      udpCsum: data["udp_csum"] === true,
      udp6ZeroCsumTx: data["udp_zero_csum6_tx"] === true,
      udp6ZeroCsumRx: data["udp_zero_csum6_rx"] === true,
      ageing: Number(data["ageing"]),
      ttl: Number(data["ttl"]),
    },
  };
}

function readAddresses(object: Json): Address[] {
  return ((object["addr_info"] ?? []) as Json[]).map((info) => ({
    device: String(object["ifname"]),
    family: info["family"] === "inet" ? 4 as const : 6 as const,
    address: String(info["local"]),
    prefixLength: Number(info["prefixlen"]),
    peer: null,
    scope: String(info["scope"]),
    broadcast: text(info["broadcast"]),
    label: text(info["label"]),
    flags: [],
  }));
}

function readRoute(object: Json): Route {
  const family = familyOf(object["dst"], object["gateway"], object["prefsrc"]);
  return {
    family,
    dst: cidr(String(object["dst"]), family),
    type: String(object["type"]),
    table: number(TABLES, object["table"]),
    protocol: number(PROTOCOLS, object["protocol"]),
    scope: number(SCOPES, object["scope"]),
    metric: Number(object["metric"] ?? 0),
    tos: 0,
    gateway: text(object["gateway"]),
    device: text(object["dev"]),
    onlink: flags(object).includes("onlink"),
    down: flags(object).some((f) => f === "linkdown" || f === "dead"),
    prefsrc: text(object["prefsrc"]),
    mtu: null,
  };
}

function readRule(object: Json): PolicyRule {
  return {
    family: 4,
    priority: Number(object["priority"]),
    from: object["src"] === "all" ? null : text(object["src"]),
    to: null,
    iif: null,
    oif: null,
    fwmark: null,
    fwmask: null,
    table: number(TABLES, object["table"]),
    action: "lookup",
    not: false,
    other: [],
  };
}

interface StoreNode {
  readonly key: string;
  readonly value?: string;
  readonly ttl?: number;
  readonly nodes?: readonly StoreNode[];
}

function flatten(node: StoreNode): StoreNode[] {
  return [node, ...(node.nodes ?? []).flatMap(flatten)];
}

/** Reads one host of one capture. */
export function readCapture(name: string, host: "ha" | "hb"): Capture {
  const store = JSON.parse(
    Deno.readTextFileSync(join(ROOT, name, "etcd-v2.json")),
  ) as { node: StoreNode };
  const nodes = flatten(store.node);
  const config = nodes.find((n) => n.key.endsWith("/config"));
  const leases = nodes.filter((n) => /\/subnets\/./.test(n.key));
  const links = json(name, host, "link.json");
  const names = new Map(
    links.map((l) => [l["ifindex"] as unknown, String(l["ifname"])]),
  );
  const read = (file: string) =>
    Deno.readTextFileSync(join(ROOT, name, host, file));
  return {
    config: config?.value ?? "",
    leases: leases.map((n) => ({
      key: n.key.slice(n.key.lastIndexOf("/") + 1),
      value: n.value ?? "",
      ttl: n.ttl ?? null,
    })),
    links: links.map((l) => readLink(l, names)),
    addresses: json(name, host, "addr.json").flatMap(readAddresses),
    routes: json(name, host, "route.json").map(readRoute),
    neighbours: json(name, host, "neigh.json").map((n) => ({
      device: String(n["dev"]),
      family: familyOf(n["dst"]),
      address: String(n["dst"]),
      mac: text(n["lladdr"]),
      state: String((n["state"] as string[])[0]),
    })),
    fdb: json(name, host, "fdb.json").map((e) => ({
      device: String(e["ifname"]),
      mac: String(e["mac"]),
      dst: text(e["dst"]),
      self: flags(e).includes("self"),
      master: text(e["master"]),
      permanent: e["state"] === "permanent",
      vlan: null,
    })),
    rules: json(name, host, "rule.json").map(readRule),
    subnetEnv: read("subnet.env"),
    args: read("flanneld.cmdline").trim().split(/[\0\s]+/).slice(1),
  };
}
