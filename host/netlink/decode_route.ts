import type { Nexthop, Route } from "../../flannel/kernel.ts";
import * as k from "./constants.ts";
import type { DeviceNames } from "./device_names.ts";
import { familyOf } from "./ip_text.ts";
import type { AttributeReader, MessageReader } from "./message_reader.ts";
import { routeTypeName } from "./route_types.ts";

/** `struct rtmsg`. */
const HEADER = 12;
/** `struct rtnexthop`. */
const HOP_HEADER = 8;
const DOWN = k.RTNH_F_DEAD | k.RTNH_F_LINKDOWN;

/**
 * Decodes `RTM_NEWROUTE` or `RTM_DELROUTE`, `rtnetlink(7)`; null for a family
 * that is neither IPv4 nor IPv6, and for a cache entry (`RTM_F_CLONED`), which
 * kernels without strict checking put among the routes.
 *
 * @param cloned Whether to decode a cache entry too: the answer to a route
 * lookup is one.
 */
export function decodeRoute(
  message: MessageReader,
  names: DeviceNames,
  cloned = false,
): Route | null {
  const family = familyOf(message.u8(0));
  const flags = message.u32(8);
  if (family === null) return null;
  if (!cloned && (flags & k.RTM_F_CLONED) !== 0) return null;
  let dst = family === 4 ? "0.0.0.0" : "::";
  let table = message.u8(4);
  let metric = 0;
  let gateway: string | null = null;
  let device: string | null = null;
  let prefsrc: string | null = null;
  let mtu: number | null = null;
  let nexthops: Nexthop[] | undefined;
  const attributes = message.attributes(HEADER);
  while (attributes.next()) {
    switch (attributes.type) {
      case k.RTA_DST:
        dst = attributes.ip();
        break;
      case k.RTA_TABLE:
        table = attributes.u32();
        break;
      case k.RTA_PRIORITY:
        metric = attributes.u32();
        break;
      case k.RTA_GATEWAY:
        gateway = attributes.ip();
        break;
      case k.RTA_VIA:
        // struct rtvia: an address of another family than the route's.
        gateway = attributes.ip(2);
        break;
      case k.RTA_OIF:
        device = names.nameOrNull(attributes.u32());
        break;
      case k.RTA_PREFSRC:
        prefsrc = attributes.ip();
        break;
      case k.RTA_METRICS:
        mtu = metricsMtu(attributes.nested());
        break;
      case k.RTA_MULTIPATH:
        nexthops = decodeNexthops(attributes, names);
        break;
    }
  }
  return {
    family,
    dst: `${dst}/${message.u8(1)}`,
    type: routeTypeName(message.u8(7)),
    table,
    protocol: message.u8(5),
    scope: message.u8(6),
    metric,
    tos: message.u8(3),
    gateway,
    device,
    onlink: (flags & k.RTNH_F_ONLINK) !== 0,
    down: (flags & DOWN) !== 0,
    prefsrc,
    mtu,
    ...(nexthops === undefined ? {} : { nexthops }),
  };
}

function metricsMtu(metrics: AttributeReader): number | null {
  while (metrics.next()) {
    if (metrics.type === k.RTAX_MTU) return metrics.u32();
  }
  return null;
}

function decodeNexthops(
  attribute: AttributeReader,
  names: DeviceNames,
): Nexthop[] {
  const hops: Nexthop[] = [];
  let at = 0;
  while (attribute.length - at >= HOP_HEADER) {
    const length = attribute.u16(at);
    if (length < HOP_HEADER) {
      throw new RangeError(
        `Cannot read nexthop: expected at least ${HOP_HEADER} bytes, got ${length}`,
      );
    }
    const flags = attribute.u8(at + 2);
    hops.push({
      gateway: hopGateway(attribute.nested(at + HOP_HEADER, at + length)),
      device: names.nameOrNull(attribute.i32(at + 4)),
      weight: attribute.u8(at + 3) + 1,
      onlink: (flags & k.RTNH_F_ONLINK) !== 0,
      down: (flags & DOWN) !== 0,
    });
    at += (length + 3) & ~3;
  }
  return hops;
}

function hopGateway(attributes: AttributeReader): string | null {
  let gateway: string | null = null;
  while (attributes.next()) {
    if (attributes.type === k.RTA_GATEWAY) gateway = attributes.ip();
    if (attributes.type === k.RTA_VIA) gateway = attributes.ip(2);
  }
  return gateway;
}
