import type { LinkAdd, LinkChange, LinkSet, LinkSettings } from "./changes.ts";
import * as k from "./constants.ts";
import type { DeviceIndex, NetnsDescriptor } from "./encode_change.ts";
import { ipBytes } from "./ip_bytes.ts";
import { macBytes } from "./mac_text.ts";
import type { MessageBuilder } from "./message_builder.ts";

/** Encodes a device change, `rtnetlink(7)`, `linux/if_link.h`. */
export function encodeLink(
  builder: MessageBuilder,
  change: LinkChange,
  seq: number,
  deviceIndex: DeviceIndex,
  netns: NetnsDescriptor,
): void {
  switch (change.op) {
    case "add":
      builder.begin(
        k.RTM_NEWLINK,
        k.NLM_F_REQUEST | k.NLM_F_ACK | k.NLM_F_CREATE | k.NLM_F_EXCL,
        seq,
      );
      header(builder, 0, change);
      builder.attributeText(k.IFLA_IFNAME, change.name);
      encodeSettings(builder, change, deviceIndex, netns);
      encodeInfo(builder, change, deviceIndex, netns);
      break;
    case "set":
      builder.begin(k.RTM_SETLINK, k.NLM_F_REQUEST | k.NLM_F_ACK, seq);
      header(builder, deviceIndex(change.name), change);
      if (change.rename !== undefined) {
        builder.attributeText(k.IFLA_IFNAME, change.rename);
      }
      encodeSettings(builder, change, deviceIndex, netns);
      break;
    case "delete":
      builder.begin(k.RTM_DELLINK, k.NLM_F_REQUEST | k.NLM_F_ACK, seq);
      header(builder, deviceIndex(change.name), {});
      break;
  }
  builder.end();
}

/** `struct ifinfomsg`; flags that are not asked for stay as they are. */
function header(
  builder: MessageBuilder,
  index: number,
  { up, arp }: Pick<LinkSettings, "up" | "arp">,
): void {
  const flags = (up === true ? k.IFF_UP : 0) |
    (arp === false ? k.IFF_NOARP : 0);
  const mask = (up === undefined ? 0 : k.IFF_UP) |
    (arp === undefined ? 0 : k.IFF_NOARP);
  builder.u8(0).u8(0).u16(0).u32(index).u32(flags).u32(mask);
}

function encodeSettings(
  builder: MessageBuilder,
  settings: LinkSettings | LinkSet,
  deviceIndex: DeviceIndex,
  netns: NetnsDescriptor,
): void {
  if (settings.mtu !== undefined) {
    builder.attributeU32(k.IFLA_MTU, settings.mtu);
  }
  if (settings.mac !== undefined) {
    builder.attribute(k.IFLA_ADDRESS, macBytes(settings.mac));
  }
  if (settings.alias !== undefined) {
    builder.attributeText(k.IFLA_IFALIAS, settings.alias);
  }
  if (settings.master !== undefined) {
    const master = settings.master;
    builder.attributeU32(
      k.IFLA_MASTER,
      master === null ? 0 : deviceIndex(master),
    );
  }
  if (settings.netns !== undefined) {
    builder.attributeU32(k.IFLA_NET_NS_FD, netns(settings.netns));
  }
}

function encodeInfo(
  builder: MessageBuilder,
  change: LinkAdd,
  deviceIndex: DeviceIndex,
  netns: NetnsDescriptor,
): void {
  const info = builder.nest(k.IFLA_LINKINFO);
  builder.attributeText(k.IFLA_INFO_KIND, change.type);
  if (change.type === "vxlan") encodeVxlan(builder, change, deviceIndex);
  if (change.peer !== undefined) {
    const data = builder.nest(k.IFLA_INFO_DATA);
    const peer = builder.nest(k.VETH_INFO_PEER);
    header(builder, 0, {});
    builder.attributeText(k.IFLA_IFNAME, change.peer.name);
    encodeSettings(builder, change.peer, deviceIndex, netns);
    builder.endNest(peer).endNest(data);
  }
  builder.endNest(info);
}

function encodeVxlan(
  builder: MessageBuilder,
  { vxlan }: LinkAdd,
  deviceIndex: DeviceIndex,
): void {
  if (vxlan === undefined) {
    throw new TypeError("Cannot encode link: a vxlan device needs its details");
  }
  const data = builder.nest(k.IFLA_INFO_DATA);
  builder.attributeU32(k.IFLA_VXLAN_ID, vxlan.vni);
  if (vxlan.port !== undefined) {
    builder.attributeU16be(k.IFLA_VXLAN_PORT, vxlan.port);
  }
  if (vxlan.lower) {
    builder.attributeU32(k.IFLA_VXLAN_LINK, deviceIndex(vxlan.lower));
  }
  if (vxlan.ageing !== undefined) {
    builder.attributeU32(k.IFLA_VXLAN_AGEING, vxlan.ageing);
  }
  encodeEndpoint(
    builder,
    vxlan.local,
    k.IFLA_VXLAN_LOCAL,
    k.IFLA_VXLAN_LOCAL6,
  );
  encodeEndpoint(
    builder,
    vxlan.group,
    k.IFLA_VXLAN_GROUP,
    k.IFLA_VXLAN_GROUP6,
  );
  const octets: readonly (readonly [number, number | boolean | undefined])[] = [
    [k.IFLA_VXLAN_TTL, vxlan.ttl],
    [k.IFLA_VXLAN_LEARNING, vxlan.learning],
    [k.IFLA_VXLAN_PROXY, vxlan.proxy],
    [k.IFLA_VXLAN_L2MISS, vxlan.l2miss],
    [k.IFLA_VXLAN_L3MISS, vxlan.l3miss],
    [k.IFLA_VXLAN_UDP_CSUM, vxlan.udpCsum],
    [k.IFLA_VXLAN_UDP_ZERO_CSUM6_TX, vxlan.udp6ZeroCsumTx],
    [k.IFLA_VXLAN_UDP_ZERO_CSUM6_RX, vxlan.udp6ZeroCsumRx],
  ];
  for (const [type, value] of octets) {
    if (value !== undefined) builder.attributeU8(type, Number(value));
  }
  // A flag: present or not, without payload.
  if (vxlan.gbp) builder.attribute(k.IFLA_VXLAN_GBP, new Uint8Array());
  builder.endNest(data);
}

function encodeEndpoint(
  builder: MessageBuilder,
  address: string | null | undefined,
  type4: number,
  type6: number,
): void {
  if (!address) return;
  const bytes = ipBytes(address);
  builder.attribute(bytes.length === 4 ? type4 : type6, bytes);
}
