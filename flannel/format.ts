/**
 * Kernel objects as iproute2 prints them, so that evidence reads like the
 * host's own output. Without the trailing blank iproute2 leaves, and without
 * `pref`, which `Route` does not hold.
 *
 * @module
 */
import type { WantedRoute } from "./expected_types.ts";
import {
  type Address,
  BOOT_PROTOCOL,
  type FdbEntry,
  MAIN_TABLE,
  type Neighbour,
  type Nexthop,
  type PolicyRule,
  type Route,
  WHOLE_MARK,
} from "./kernel.ts";

/** Names of `/etc/iproute2/rt_protos` as shipped; numbers stay numbers. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: "redirect",
  2: "kernel",
  3: "boot",
  4: "static",
  8: "gated",
  9: "ra",
  11: "zebra",
  12: "bird",
  16: "dhcp",
  18: "keepalived",
  42: "babel",
  186: "bgp",
  187: "isis",
  188: "ospf",
  189: "rip",
  192: "eigrp",
};

/** Names of `/etc/iproute2/rt_scopes`. */
const SCOPES: Readonly<Record<number, string>> = {
  200: "site",
  253: "link",
  254: "host",
  255: "nowhere",
};

/** Names of `/etc/iproute2/rt_tables`. */
const TABLES: Readonly<Record<number, string>> = {
  253: "default",
  254: "main",
  255: "local",
};

/** Name of a routing table as `ip rule` prints it, else its number. */
export function formatTable(table: number): string {
  return TABLES[table] ?? String(table);
}

/** A CIDR as `ip route` prints it: `default`, a host without its length. */
function formatPrefix(cidr: string, family: 4 | 6): string {
  if (cidr === "0.0.0.0/0" || cidr === "::/0") return "default";
  const whole = family === 4 ? "/32" : "/128";
  return cidr.endsWith(whole) ? cidr.slice(0, -whole.length) : cidr;
}

function formatHop(hop: Nexthop, family: 4 | 6): string {
  return [
    "\tnexthop",
    hop.gateway === null ? "" : `via ${formatVia(hop.gateway, family)}`,
    hop.device === null ? "" : `dev ${hop.device}`,
    `weight ${hop.weight}`,
    hop.onlink ? "onlink" : "",
    hop.down ? "linkdown" : "",
  ].filter((part) => part !== "").join(" ");
}

/** A gateway of the other family prints as `via inet6 ADDRESS`. */
function formatVia(gateway: string, family: 4 | 6): string {
  const isIPv6 = gateway.includes(":");
  if (isIPv6 === (family === 6)) return gateway;
  return `${isIPv6 ? "inet6" : "inet"} ${gateway}`;
}

/**
 * A route as `ip route show table all` prints it:
 * `10.5.2.0/24 via 192.168.1.11 dev eth0`. A multipath route has one more
 * line a hop (`ip-route(8)`).
 */
export function formatRoute(route: Route): string {
  const { family } = route;
  const words = [
    route.type === "unicast" ? "" : route.type,
    formatPrefix(route.dst, family),
    route.tos === 0 ? "" : `tos 0x${route.tos.toString(16).padStart(2, "0")}`,
    route.gateway === null ? "" : `via ${formatVia(route.gateway, family)}`,
    route.device === null ? "" : `dev ${route.device}`,
    route.table === MAIN_TABLE ? "" : `table ${formatTable(route.table)}`,
    route.protocol === BOOT_PROTOCOL
      ? ""
      : `proto ${PROTOCOLS[route.protocol] ?? route.protocol}`,
    route.scope === 0 ? "" : `scope ${SCOPES[route.scope] ?? route.scope}`,
    route.prefsrc === null ? "" : `src ${route.prefsrc}`,
    route.metric === 0 && family === 4 ? "" : `metric ${route.metric}`,
    route.onlink ? "onlink" : "",
    route.down ? "linkdown" : "",
    route.mtu === null ? "" : `mtu ${route.mtu}`,
  ].filter((word) => word !== "").join(" ");
  const hops = (route.nexthops ?? []).map((hop) => formatHop(hop, family));
  return [words, ...hops].join("\n");
}

/** A wanted route as `ip route` prints it once it is there. */
export function formatWantedRoute(
  route: Pick<WantedRoute, "family" | "dst" | "gateway" | "device" | "onlink">,
): string {
  return [
    formatPrefix(route.dst, route.family),
    route.gateway === null ? "" : `via ${route.gateway}`,
    route.device === null ? "" : `dev ${route.device}`,
    route.onlink ? "onlink" : "",
  ].filter((word) => word !== "").join(" ");
}

/** The command that makes a wanted route, or puts it in another one's place. */
export function replaceRouteCommand(
  route: Pick<WantedRoute, "family" | "dst" | "gateway" | "device" | "onlink">,
): string {
  const tool = route.family === 6 ? "ip -6" : "ip";
  return `${tool} route replace ${formatWantedRoute(route)}`;
}

/**
 * The command that deletes exactly this route: destination, table, metric and
 * where it leads, so that a neighbour with the same destination stays.
 */
export function deleteRouteCommand(route: Route): string {
  const tool = route.family === 6 ? "ip -6" : "ip";
  const words = [
    route.type === "unicast" ? "" : route.type,
    formatPrefix(route.dst, route.family),
    route.gateway === null
      ? ""
      : `via ${formatVia(route.gateway, route.family)}`,
    route.device === null ? "" : `dev ${route.device}`,
    route.table === MAIN_TABLE ? "" : `table ${formatTable(route.table)}`,
    route.metric === 0 ? "" : `metric ${route.metric}`,
  ].filter((word) => word !== "").join(" ");
  return `${tool} route del ${words}`;
}

function formatMark(rule: PolicyRule): string {
  if (rule.fwmark === null) return "";
  const mark = `fwmark 0x${rule.fwmark.toString(16)}`;
  const mask = rule.fwmask ?? WHOLE_MARK;
  return mask === WHOLE_MARK ? mark : `${mark}/0x${mask.toString(16)}`;
}

/**
 * A policy rule as `ip rule` prints it, a tab after the priority:
 * `32766:	from all lookup main` (`ip-rule(8)`). What `other` holds follows,
 * as iproute2 has it for `suppress_prefixlength`.
 */
export function formatRule(rule: PolicyRule): string {
  const prefix = (cidr: string | null) =>
    cidr === null ? "all" : formatPrefix(cidr, rule.family);
  const words = [
    rule.not ? "not" : "",
    `from ${prefix(rule.from)}`,
    rule.to === null ? "" : `to ${prefix(rule.to)}`,
    formatMark(rule),
    rule.iif === null ? "" : `iif ${rule.iif}`,
    rule.oif === null ? "" : `oif ${rule.oif}`,
    rule.action === "lookup"
      ? `lookup ${formatTable(rule.table)}`
      : rule.action,
    ...rule.other,
  ].filter((word) => word !== "").join(" ");
  return `${rule.priority}:\t${words}`;
}

/** An address as `ip -o address` names it: `inet 10.5.1.1/24 scope global cni0`. */
export function formatAddress(address: Address): string {
  const family = address.family === 6 ? "inet6" : "inet";
  return `${family} ${address.address}/${address.prefixLength} scope ${address.scope} ${address.device}`;
}

/** A neighbour as `ip neigh` prints it. */
export function formatNeighbour(neighbour: Neighbour): string {
  return [
    `${neighbour.address} dev ${neighbour.device}`,
    neighbour.mac === null ? "" : `lladdr ${neighbour.mac}`,
    neighbour.state,
  ].filter((word) => word !== "").join(" ");
}

/** An FDB entry as `bridge fdb show` prints it. */
export function formatFdb(entry: FdbEntry): string {
  return [
    `${entry.mac} dev ${entry.device}`,
    entry.dst === null ? "" : `dst ${entry.dst}`,
    entry.vlan === null ? "" : `vlan ${entry.vlan}`,
    entry.master === null ? "" : `master ${entry.master}`,
    entry.self ? "self" : "",
    entry.permanent ? "permanent" : "",
  ].filter((word) => word !== "").join(" ");
}
