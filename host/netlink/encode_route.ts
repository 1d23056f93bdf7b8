import { BOOT_PROTOCOL, MAIN_TABLE } from "../../flannel/kernel.ts";
import type { Nexthop } from "../../flannel/kernel.ts";
import { familyOfText, type RouteChange, type RouteQuery } from "./changes.ts";
import * as k from "./constants.ts";
import { ipBytes, prefixBytes } from "./ip_bytes.ts";
import { addressFamilyOf } from "./ip_text.ts";
import type { MessageBuilder } from "./message_builder.ts";
import type { DeviceIndex } from "./encode_change.ts";
import { routeTypeNumber } from "./route_types.ts";

const OPERATIONS = {
  add: [k.RTM_NEWROUTE, k.NLM_F_CREATE | k.NLM_F_EXCL],
  replace: [k.RTM_NEWROUTE, k.NLM_F_CREATE | k.NLM_F_REPLACE],
  append: [k.RTM_NEWROUTE, k.NLM_F_CREATE | k.NLM_F_APPEND],
  delete: [k.RTM_DELROUTE, 0],
} as const;

/** Route types that name no device: the packet goes nowhere. */
const NOWHERE: ReadonlySet<string> = new Set([
  "blackhole",
  "unreachable",
  "prohibit",
  "throw",
]);

/** Route types whose destination is this host. */
const LOCAL: ReadonlySet<string> = new Set(["local", "nat"]);

/** Route types whose destination is on the link. */
const ON_LINK: ReadonlySet<string> = new Set([
  "broadcast",
  "multicast",
  "anycast",
]);

/** Encodes a route change, `rtnetlink(7)`. */
export function encodeRoute(
  builder: MessageBuilder,
  { op, route }: RouteChange,
  seq: number,
  deviceIndex: DeviceIndex,
): void {
  const [message, flags] = OPERATIONS[op];
  const deleting = op === "delete";
  const table = route.table ?? MAIN_TABLE;
  const type = route.type ?? "unicast";
  const { address, length } = prefixBytes(route.dst);
  builder.begin(message, k.NLM_F_REQUEST | k.NLM_F_ACK | flags, seq)
    .u8(addressFamilyOf(route.family)).u8(length).u8(0).u8(route.tos ?? 0)
    // The header holds eight bits; RTA_TABLE below has the whole number.
    .u8(table > 255 ? 0 : table)
    .u8(route.protocol ?? (deleting ? 0 : BOOT_PROTOCOL))
    .u8(route.scope ?? defaultScope(route, type, deleting))
    .u8(deleting && route.type === undefined ? 0 : routeTypeNumber(type))
    .u32(route.onlink === true ? k.RTNH_F_ONLINK : 0)
    .attribute(k.RTA_DST, address);
  if (table > 255) builder.attributeU32(k.RTA_TABLE, table);
  if (route.metric) builder.attributeU32(k.RTA_PRIORITY, route.metric);
  if (route.prefsrc) builder.attribute(k.RTA_PREFSRC, ipBytes(route.prefsrc));
  if (route.gateway) encodeGateway(builder, route.family, route.gateway);
  if (route.device && !(NOWHERE.has(type) && !deleting)) {
    builder.attributeU32(k.RTA_OIF, deviceIndex(route.device));
  }
  if (route.mtu && !deleting) {
    const metrics = builder.nest(k.RTA_METRICS);
    builder.attributeU32(k.RTAX_MTU, route.mtu).endNest(metrics);
  }
  if (route.nexthops !== undefined) {
    encodeNexthops(builder, route.family, route.nexthops, deviceIndex);
  }
  builder.end();
}

/** Encodes a route lookup, as `ip route get` sends it. */
export function encodeRouteGet(
  builder: MessageBuilder,
  query: RouteQuery,
  seq: number,
  deviceIndex: DeviceIndex,
): void {
  const dst = ipBytes(query.dst);
  const from = query.from === undefined ? null : ipBytes(query.from);
  builder.begin(k.RTM_GETROUTE, k.NLM_F_REQUEST, seq)
    .u8(addressFamilyOf(familyOfText(query.dst)))
    .u8(dst.length * 8).u8(from === null ? 0 : from.length * 8).u8(0)
    .u8(0).u8(0).u8(0).u8(0)
    // IPv6 names the table in any case, and refuses the flag.
    .u32(dst.length === 4 ? k.RTM_F_LOOKUP_TABLE : 0)
    .attribute(k.RTA_DST, dst);
  if (from !== null) builder.attribute(k.RTA_SRC, from);
  if (query.iif !== undefined) {
    builder.attributeU32(k.RTA_IIF, deviceIndex(query.iif));
  }
  if (query.oif !== undefined) {
    builder.attributeU32(k.RTA_OIF, deviceIndex(query.oif));
  }
  if (query.mark !== undefined) builder.attributeU32(k.RTA_MARK, query.mark);
  builder.end();
}

/** iproute2's choice: what a route of this type and shape can reach. */
function defaultScope(
  route: RouteChange["route"],
  type: string,
  deleting: boolean,
): number {
  if (route.family === 6) return k.RT_SCOPE_UNIVERSE;
  if (LOCAL.has(type)) return k.RT_SCOPE_HOST;
  if (ON_LINK.has(type)) return k.RT_SCOPE_LINK;
  if (type !== "unicast") return k.RT_SCOPE_UNIVERSE;
  if (deleting) return k.RT_SCOPE_NOWHERE;
  return route.gateway || route.nexthops
    ? k.RT_SCOPE_UNIVERSE
    : k.RT_SCOPE_LINK;
}

function encodeGateway(
  builder: MessageBuilder,
  family: 4 | 6,
  gateway: string,
): void {
  const bytes = ipBytes(gateway);
  const gatewayFamily = familyOfText(gateway);
  if (gatewayFamily === family) {
    builder.attribute(k.RTA_GATEWAY, bytes);
    return;
  }
  const via = new Uint8Array(2 + bytes.length);
  via[0] = addressFamilyOf(gatewayFamily);
  via.set(bytes, 2);
  builder.attribute(k.RTA_VIA, via);
}

function encodeNexthops(
  builder: MessageBuilder,
  family: 4 | 6,
  nexthops: readonly Nexthop[],
  deviceIndex: DeviceIndex,
): void {
  const multipath = builder.nest(k.RTA_MULTIPATH);
  for (const hop of nexthops) {
    const start = builder.length;
    builder.u16(0).u8(hop.onlink ? k.RTNH_F_ONLINK : 0).u8(hop.weight - 1)
      .u32(hop.device === null ? 0 : deviceIndex(hop.device));
    if (hop.gateway !== null) encodeGateway(builder, family, hop.gateway);
    builder.endNest(start);
  }
  builder.endNest(multipath);
}
