import { type AddressChange, familyOfText } from "./changes.ts";
import * as k from "./constants.ts";
import { addressFlagBits, addressScopeNumber } from "./decode_address.ts";
import type { DeviceIndex } from "./encode_change.ts";
import { ipBytes } from "./ip_bytes.ts";
import { addressFamilyOf } from "./ip_text.ts";
import type { MessageBuilder } from "./message_builder.ts";

const OPERATIONS = {
  add: [k.RTM_NEWADDR, k.NLM_F_CREATE | k.NLM_F_EXCL],
  replace: [k.RTM_NEWADDR, k.NLM_F_CREATE | k.NLM_F_REPLACE],
  delete: [k.RTM_DELADDR, 0],
} as const;

/** Encodes an address change, `rtnetlink(7)`. */
export function encodeAddress(
  builder: MessageBuilder,
  { op, address }: AddressChange,
  seq: number,
  deviceIndex: DeviceIndex,
): void {
  const [message, flags] = OPERATIONS[op];
  const local = ipBytes(address.address);
  builder.begin(message, k.NLM_F_REQUEST | k.NLM_F_ACK | flags, seq)
    .u8(addressFamilyOf(familyOfText(address.address)))
    .u8(address.prefixLength).u8(0)
    .u8(addressScopeNumber(address.scope ?? "global"))
    .u32(deviceIndex(address.device))
    .attribute(k.IFA_LOCAL, local)
    .attribute(
      k.IFA_ADDRESS,
      address.peer ? ipBytes(address.peer) : local,
    );
  if (op !== "delete") {
    if (address.broadcast) {
      builder.attribute(k.IFA_BROADCAST, ipBytes(address.broadcast));
    }
    if (address.label) builder.attributeText(k.IFA_LABEL, address.label);
    const bits = addressFlagBits(address.flags ?? []);
    if (bits !== 0) builder.attributeU32(k.IFA_FLAGS, bits);
  }
  builder.end();
}
