import type { Address } from "../../flannel/kernel.ts";
import * as k from "./constants.ts";
import type { DeviceNames } from "./device_names.ts";
import { familyOf } from "./ip_text.ts";
import type { MessageReader } from "./message_reader.ts";

/** `struct ifaddrmsg`. */
const HEADER = 8;

/** Scopes with a name in iproute2's `rt_scopes`. */
const SCOPES: Readonly<Record<number, string>> = {
  0: "global",
  200: "site",
  253: "link",
  254: "host",
  255: "nowhere",
};

/** Bits of `IFA_FLAGS` by iproute2's name; secondary and dynamic are special. */
const FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [0x02, "nodad"],
  [0x04, "optimistic"],
  [0x08, "dadfailed"],
  [0x10, "home"],
  [0x20, "deprecated"],
  [0x40, "tentative"],
  [0x100, "mngtmpaddr"],
  [0x200, "noprefixroute"],
  [0x400, "autojoin"],
  [0x800, "stable-privacy"],
];

/**
 * Decodes `RTM_NEWADDR` or `RTM_DELADDR`, `rtnetlink(7)`; null for a family
 * that is neither IPv4 nor IPv6.
 */
export function decodeAddress(
  message: MessageReader,
  names: DeviceNames,
): Address | null {
  const family = familyOf(message.u8(0));
  if (family === null) return null;
  let flags = message.u8(2);
  let local: string | null = null;
  let address: string | null = null;
  let broadcast: string | null = null;
  let label: string | null = null;
  const attributes = message.attributes(HEADER);
  while (attributes.next()) {
    switch (attributes.type) {
      case k.IFA_LOCAL:
        local = attributes.ip();
        break;
      case k.IFA_ADDRESS:
        address = attributes.ip();
        break;
      case k.IFA_BROADCAST:
        broadcast = attributes.ip();
        break;
      case k.IFA_LABEL:
        label = attributes.text();
        break;
      case k.IFA_FLAGS:
        flags = attributes.u32();
        break;
    }
  }
  // IPv6 sends IFA_ADDRESS alone unless there is a peer, which it then is.
  const own = local ?? address ?? "";
  const scope = message.u8(3);
  return {
    device: names.name(message.u32(4)),
    family,
    address: own,
    prefixLength: message.u8(1),
    peer: address === own ? null : address,
    scope: SCOPES[scope] ?? String(scope),
    broadcast,
    label,
    flags: flagNames(flags, family),
  };
}

/** Bits of a named address flag, 0 for `secondary` and other unsettable ones. */
export function addressFlagBits(flags: readonly string[]): number {
  let bits = 0;
  for (const [bit, name] of FLAGS) {
    if (flags.includes(name)) bits |= bit;
  }
  return bits;
}

/**
 * Number of an address scope, by name or in digits.
 *
 * @throws {RangeError} When the text is neither.
 */
export function addressScopeNumber(scope: string): number {
  for (const [number, name] of Object.entries(SCOPES)) {
    if (name === scope) return Number(number);
  }
  const number = Number(scope);
  if (!/^\d+$/.test(scope) || number > 255) {
    throw new RangeError(
      `Cannot encode address: expected a scope such as "global", got "${scope}"`,
    );
  }
  return number;
}

function flagNames(flags: number, family: 4 | 6): string[] {
  const result: string[] = [];
  if ((flags & 0x01) !== 0) {
    result.push(family === 6 ? "temporary" : "secondary");
  }
  for (const [bit, name] of FLAGS) {
    if ((flags & bit) !== 0) result.push(name);
  }
  // `ip address` prints the absence of IFA_F_PERMANENT.
  if ((flags & 0x80) === 0) result.push("dynamic");
  return result;
}
