import type { FdbEntry, Neighbour } from "../../flannel/kernel.ts";
import * as k from "./constants.ts";
import type { DeviceNames } from "./device_names.ts";
import { familyOf } from "./ip_text.ts";
import type { MessageReader } from "./message_reader.ts";
import { neighbourStateName } from "./neighbour_states.ts";

/** `struct ndmsg`. */
const HEADER = 12;

/**
 * Decodes `RTM_NEWNEIGH` or `RTM_DELNEIGH` of IPv4 or IPv6; null for another
 * family or an entry without an address.
 */
export function decodeNeighbour(
  message: MessageReader,
  names: DeviceNames,
): Neighbour | null {
  const family = familyOf(message.u8(0));
  if (family === null) return null;
  let address: string | null = null;
  let mac: string | null = null;
  const attributes = message.attributes(HEADER);
  while (attributes.next()) {
    if (attributes.type === k.NDA_DST) address = attributes.ip();
    if (attributes.type === k.NDA_LLADDR) mac = attributes.mac();
  }
  if (address === null) return null;
  return {
    device: names.name(message.i32(4)),
    family,
    address,
    mac,
    state: neighbourStateName(message.u16(8)),
  };
}

/**
 * Decodes `RTM_NEWNEIGH` or `RTM_DELNEIGH` of family `AF_BRIDGE`: a forwarding
 * entry of a bridge port or a vxlan device. Null for another family and for an
 * entry without a MAC.
 */
export function decodeFdb(
  message: MessageReader,
  names: DeviceNames,
): FdbEntry | null {
  if (message.u8(0) !== k.AF_BRIDGE) return null;
  let mac: string | null = null;
  let dst: string | null = null;
  let master = 0;
  let vlan: number | null = null;
  const attributes = message.attributes(HEADER);
  while (attributes.next()) {
    switch (attributes.type) {
      case k.NDA_LLADDR:
        mac = attributes.mac();
        break;
      case k.NDA_DST:
        dst = attributes.ip();
        break;
      case k.NDA_MASTER:
        master = attributes.u32();
        break;
      case k.NDA_VLAN:
        vlan = attributes.u16();
        break;
    }
  }
  if (mac === null) return null;
  return {
    device: names.name(message.i32(4)),
    mac,
    dst,
    self: (message.u8(10) & k.NTF_SELF) !== 0,
    master: names.nameOrNull(master),
    permanent: (message.u16(8) & k.NUD_PERMANENT) !== 0,
    vlan,
  };
}
