import {
  familyOfText,
  type FdbChange,
  type NeighbourChange,
} from "./changes.ts";
import * as k from "./constants.ts";
import type { DeviceIndex } from "./encode_change.ts";
import { ipBytes } from "./ip_bytes.ts";
import { addressFamilyOf } from "./ip_text.ts";
import { macBytes } from "./mac_text.ts";
import type { MessageBuilder } from "./message_builder.ts";
import { neighbourStateBits } from "./neighbour_states.ts";

const OPERATIONS = {
  add: [k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_EXCL],
  replace: [k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_REPLACE],
  append: [k.RTM_NEWNEIGH, k.NLM_F_CREATE | k.NLM_F_APPEND],
  delete: [k.RTM_DELNEIGH, 0],
} as const;

/** Encodes a neighbour change, `rtnetlink(7)`. */
export function encodeNeighbour(
  builder: MessageBuilder,
  { op, neighbour }: NeighbourChange,
  seq: number,
  deviceIndex: DeviceIndex,
): void {
  const [message, flags] = OPERATIONS[op];
  const family = familyOfText(neighbour.address);
  header(builder, message, flags, seq, {
    family: addressFamilyOf(family),
    index: deviceIndex(neighbour.device),
    state: op === "delete"
      ? 0
      : neighbourStateBits(neighbour.state ?? "PERMANENT"),
    flags: 0,
  });
  builder.attribute(k.NDA_DST, ipBytes(neighbour.address));
  if (neighbour.mac && op !== "delete") {
    builder.attribute(k.NDA_LLADDR, macBytes(neighbour.mac));
  }
  builder.end();
}

/** Encodes a forwarding database change, `bridge(8)`. */
export function encodeFdb(
  builder: MessageBuilder,
  { op, entry }: FdbChange,
  seq: number,
  deviceIndex: DeviceIndex,
): void {
  const [message, flags] = OPERATIONS[op];
  const self = entry.self ?? !entry.master;
  header(builder, message, flags, seq, {
    family: k.AF_BRIDGE,
    index: deviceIndex(entry.device),
    state: entry.permanent === false
      // NUD_REACHABLE: what `bridge fdb … dynamic` sends.
      ? neighbourStateBits("REACHABLE")
      : k.NUD_PERMANENT | k.NUD_NOARP,
    flags: (self ? k.NTF_SELF : 0) | (entry.master ? k.NTF_MASTER : 0),
  });
  builder.attribute(k.NDA_LLADDR, macBytes(entry.mac));
  if (entry.dst) builder.attribute(k.NDA_DST, ipBytes(entry.dst));
  if (entry.vlan) builder.attributeU16(k.NDA_VLAN, entry.vlan);
  builder.end();
}

interface NeighbourHeader {
  readonly family: number;
  readonly index: number;
  readonly state: number;
  readonly flags: number;
}

function header(
  builder: MessageBuilder,
  message: number,
  flags: number,
  seq: number,
  ndm: NeighbourHeader,
): void {
  builder.begin(message, k.NLM_F_REQUEST | k.NLM_F_ACK | flags, seq)
    .u8(ndm.family).u8(0).u16(0).u32(ndm.index)
    .u16(ndm.state).u8(ndm.flags).u8(0);
}
