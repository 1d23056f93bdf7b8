import type { PolicyRule } from "../../flannel/kernel.ts";
import * as k from "./constants.ts";
import { familyOf } from "./ip_text.ts";
import type { AttributeReader, MessageReader } from "./message_reader.ts";

/** `struct fib_rule_hdr`. */
const HEADER = 12;

/** `FR_ACT_*` by number, `linux/fib_rules.h`. */
const ACTIONS: Readonly<Record<number, string>> = {
  1: "lookup",
  2: "goto",
  3: "nop",
  6: "blackhole",
  7: "unreachable",
  8: "prohibit",
};

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: "icmp",
  6: "tcp",
  17: "udp",
  58: "ipv6-icmp",
  132: "sctp",
};

/** A rule while its attributes are read. */
type Draft = { -readonly [K in keyof PolicyRule]: PolicyRule[K] } & {
  other: string[];
};

/**
 * Decodes `RTM_NEWRULE` or `RTM_DELRULE`, `linux/fib_rules.h`; null for a
 * family that is neither IPv4 nor IPv6.
 */
export function decodeRule(message: MessageReader): PolicyRule | null {
  const family = familyOf(message.u8(0));
  if (family === null) return null;
  const action = message.u8(7);
  const rule: Draft = {
    family,
    priority: 0,
    from: anyOfLength(family, message.u8(2)),
    to: anyOfLength(family, message.u8(1)),
    iif: null,
    oif: null,
    fwmark: null,
    fwmask: null,
    table: message.u8(4),
    action: ACTIONS[action] ?? String(action),
    not: (message.u32(8) & k.FIB_RULE_INVERT) !== 0,
    other: [],
  };
  const tos = message.u8(3);
  if (tos !== 0) rule.other.push(`tos 0x${tos.toString(16).padStart(2, "0")}`);
  const attributes = message.attributes(HEADER);
  while (attributes.next()) {
    if (attributes.type === k.FRA_SRC) {
      rule.from = `${attributes.ip()}/${message.u8(2)}`;
    } else if (attributes.type === k.FRA_DST) {
      rule.to = `${attributes.ip()}/${message.u8(1)}`;
    } else {
      readModelled(attributes, rule);
    }
  }
  return rule;
}

/**
 * Number of a rule action.
 *
 * @throws {RangeError} For an unknown action, and for `goto`, whose target
 * flandoc does not model.
 */
export function ruleActionNumber(action: string): number {
  for (const [number, name] of Object.entries(ACTIONS)) {
    if (name === action && name !== "goto") return Number(number);
  }
  throw new RangeError(
    `Cannot encode rule: expected an action such as "lookup", got "${action}"`,
  );
}

/** A prefix whose address the kernel left out because it is all zeros. */
function anyOfLength(family: 4 | 6, length: number): string | null {
  if (length === 0) return null;
  return `${family === 4 ? "0.0.0.0" : "::"}/${length}`;
}

function readModelled(attribute: AttributeReader, rule: Draft): void {
  switch (attribute.type) {
    case k.FRA_PRIORITY:
      rule.priority = attribute.u32();
      break;
    case k.FRA_TABLE:
      rule.table = attribute.u32();
      break;
    case k.FRA_IIFNAME:
      rule.iif = attribute.text();
      break;
    case k.FRA_OIFNAME:
      rule.oif = attribute.text();
      break;
    case k.FRA_FWMARK:
      rule.fwmark = attribute.u32();
      break;
    case k.FRA_FWMASK:
      rule.fwmask = attribute.u32();
      break;
    default: {
      const words = otherWords(attribute);
      if (words !== null) rule.other.push(words);
    }
  }
}

/** iproute2's words for an attribute flandoc does not model; null for none. */
function otherWords(attribute: AttributeReader): string | null {
  switch (attribute.type) {
    case k.FRA_GOTO:
      return `goto ${attribute.u32()}`;
    case k.FRA_FLOW:
      return `realms ${attribute.u32()}`;
    case k.FRA_L3MDEV:
      return attribute.u8() === 0 ? null : "l3mdev";
    case k.FRA_TUN_ID:
      return "tun_id";
    case k.FRA_SUPPRESS_IFGROUP:
      return unlessAll(attribute, "suppress_ifgroup");
    case k.FRA_SUPPRESS_PREFIXLEN:
      return unlessAll(attribute, "suppress_prefixlength");
    case k.FRA_UID_RANGE:
      return `uidrange ${attribute.u32(0)}-${attribute.u32(4)}`;
    case k.FRA_IP_PROTO:
      return `ipproto ${PROTOCOLS[attribute.u8()] ?? attribute.u8()}`;
    case k.FRA_SPORT_RANGE:
      return `sport ${ports(attribute)}`;
    case k.FRA_DPORT_RANGE:
      return `dport ${ports(attribute)}`;
    case k.FRA_DSCP:
      return `dscp ${attribute.u8()}`;
    default:
      return null;
  }
}

/** The kernel sends -1 where nothing is suppressed. */
function unlessAll(attribute: AttributeReader, word: string): string | null {
  const value = attribute.i32();
  return value < 0 ? null : `${word} ${value}`;
}

function ports(attribute: AttributeReader): string {
  const first = attribute.u16(0);
  const last = attribute.u16(2);
  return first === last ? String(first) : `${first}-${last}`;
}
