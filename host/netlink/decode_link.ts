import type { Link, VxlanDetails } from "../../flannel/kernel.ts";
import * as k from "./constants.ts";
import type { DeviceNames } from "./device_names.ts";
import type { AttributeReader, MessageReader } from "./message_reader.ts";

/**
 * A link as one message has it: other devices by index, because a dump may
 * name them later than it refers to them.
 */
export interface RawLink
  extends Omit<Link, "master" | "lower" | "operState" | "vxlan"> {
  readonly operState: string;
  /** 0 for none. */
  readonly masterIndex: number;
  /** 0 for none, or for a device of another namespace. */
  readonly lowerIndex: number;
  readonly vxlan?: RawVxlan;
}

/** Vxlan details with the lower device by index, 0 for none. */
export interface RawVxlan extends Omit<VxlanDetails, "lower"> {
  readonly lowerIndex: number;
}

/** `struct ifinfomsg`. */
const HEADER = 16;

/** RFC 2863 states by number, in the words of `ip link`. */
const OPER_STATES = [
  "UNKNOWN",
  "NOTPRESENT",
  "DOWN",
  "LOWERLAYERDOWN",
  "TESTING",
  "DORMANT",
  "UP",
];

/** Decodes `RTM_NEWLINK` or `RTM_DELLINK`, `rtnetlink(7)`. */
export function decodeLink(message: MessageReader): RawLink {
  const index = message.i32(4);
  const flags = message.u32(8);
  let name = "";
  let mtu = 0;
  let mac: string | null = null;
  let masterIndex = 0;
  let lowerIndex = 0;
  let foreign = false;
  let operState = "UNKNOWN";
  let alias: string | undefined;
  let info: LinkInfo = { kind: null };
  const attributes = message.attributes(HEADER);
  while (attributes.next()) {
    switch (attributes.type) {
      case k.IFLA_IFNAME:
        name = attributes.text();
        break;
      case k.IFLA_MTU:
        mtu = attributes.u32();
        break;
      case k.IFLA_ADDRESS:
        mac = attributes.mac();
        break;
      case k.IFLA_MASTER:
        masterIndex = attributes.u32();
        break;
      case k.IFLA_LINK:
        lowerIndex = attributes.i32();
        break;
      case k.IFLA_LINK_NETNSID:
        foreign = true;
        break;
      case k.IFLA_OPERSTATE:
        operState = OPER_STATES[attributes.u8()] ?? String(attributes.u8());
        break;
      case k.IFLA_IFALIAS:
        alias = attributes.text();
        break;
      case k.IFLA_LINKINFO:
        info = decodeLinkInfo(attributes.nested());
        break;
    }
  }
  return {
    index,
    name,
    kind: info.kind,
    up: (flags & k.IFF_UP) !== 0,
    carrier: (flags & k.IFF_LOWER_UP) !== 0,
    loopback: (flags & k.IFF_LOOPBACK) !== 0,
    pointToPoint: (flags & k.IFF_POINTOPOINT) !== 0,
    noArp: (flags & k.IFF_NOARP) !== 0,
    operState,
    mtu,
    mac,
    masterIndex,
    lowerIndex: foreign ? 0 : lowerIndex,
    ...(alias === undefined ? {} : { alias }),
    ...(info.vxlan === undefined ? {} : { vxlan: info.vxlan }),
  };
}

/** Puts names in place of indexes. */
export function nameLink(raw: RawLink, names: DeviceNames): Link {
  const { masterIndex, lowerIndex, vxlan, ...rest } = raw;
  const link = {
    ...rest,
    master: names.nameOrNull(masterIndex),
    lower: names.nameOrNull(lowerIndex),
  };
  if (vxlan === undefined) return link;
  const { lowerIndex: underlay, ...details } = vxlan;
  return {
    ...link,
    vxlan: { ...details, lower: names.nameOrNull(underlay) },
  };
}

interface LinkInfo {
  readonly kind: string | null;
  readonly vxlan?: RawVxlan;
}

function decodeLinkInfo(attributes: AttributeReader): LinkInfo {
  let kind: string | null = null;
  let data: AttributeReader | undefined;
  while (attributes.next()) {
    if (attributes.type === k.IFLA_INFO_KIND) kind = attributes.text();
    if (attributes.type === k.IFLA_INFO_DATA) data = attributes.nested();
  }
  return kind === "vxlan" && data !== undefined
    ? { kind, vxlan: decodeVxlan(data) }
    : { kind };
}

/** Decodes `IFLA_INFO_DATA` of a vxlan device, `if_link.h`. */
function decodeVxlan(attributes: AttributeReader): RawVxlan {
  const numbers = new Map<number, number>();
  const addresses = new Map<number, string>();
  let gbp = false;
  while (attributes.next()) {
    switch (attributes.type) {
      case k.IFLA_VXLAN_GROUP:
      case k.IFLA_VXLAN_LOCAL:
      case k.IFLA_VXLAN_GROUP6:
      case k.IFLA_VXLAN_LOCAL6:
        addresses.set(attributes.type, attributes.ip());
        break;
      case k.IFLA_VXLAN_GBP:
        // A flag: its presence is its value.
        gbp = true;
        break;
      case k.IFLA_VXLAN_PORT:
        numbers.set(attributes.type, attributes.u16be());
        break;
      case k.IFLA_VXLAN_ID:
      case k.IFLA_VXLAN_LINK:
      case k.IFLA_VXLAN_AGEING:
        numbers.set(attributes.type, attributes.u32());
        break;
      default:
        if (attributes.length === 1) {
          numbers.set(attributes.type, attributes.u8());
        }
    }
  }
  const number = (type: number) => numbers.get(type) ?? 0;
  const flag = (type: number) => number(type) !== 0;
  const address = (type: number, type6: number) =>
    given(addresses.get(type) ?? addresses.get(type6));
  return {
    vni: number(k.IFLA_VXLAN_ID),
    port: number(k.IFLA_VXLAN_PORT),
    local: address(k.IFLA_VXLAN_LOCAL, k.IFLA_VXLAN_LOCAL6),
    group: address(k.IFLA_VXLAN_GROUP, k.IFLA_VXLAN_GROUP6),
    lowerIndex: number(k.IFLA_VXLAN_LINK),
    learning: flag(k.IFLA_VXLAN_LEARNING),
    gbp,
    l2miss: flag(k.IFLA_VXLAN_L2MISS),
    l3miss: flag(k.IFLA_VXLAN_L3MISS),
    proxy: flag(k.IFLA_VXLAN_PROXY),
    udpCsum: flag(k.IFLA_VXLAN_UDP_CSUM),
    udp6ZeroCsumTx: flag(k.IFLA_VXLAN_UDP_ZERO_CSUM6_TX),
    udp6ZeroCsumRx: flag(k.IFLA_VXLAN_UDP_ZERO_CSUM6_RX),
    ageing: number(k.IFLA_VXLAN_AGEING),
    ttl: number(k.IFLA_VXLAN_TTL),
    ...flag(k.IFLA_VXLAN_COLLECT_METADATA) ? { external: true } : {},
  };
}

function given(address: string | undefined): string | null {
  return address === undefined || address === "0.0.0.0" || address === "::"
    ? null
    : address;
}
