import { MAIN_TABLE } from "../../flannel/kernel.ts";
import type { RuleChange } from "./changes.ts";
import * as k from "./constants.ts";
import { ruleActionNumber } from "./decode_rule.ts";
import { prefixBytes } from "./ip_bytes.ts";
import { addressFamilyOf } from "./ip_text.ts";
import type { MessageBuilder } from "./message_builder.ts";

/**
 * Encodes a policy rule change, `linux/fib_rules.h`.
 *
 * @throws {RangeError} When the rule has a selector flandoc does not model:
 * writing it without would make another rule of it.
 */
export function encodeRule(
  builder: MessageBuilder,
  { op, rule }: RuleChange,
  seq: number,
): void {
  if (rule.other !== undefined && rule.other.length > 0) {
    throw new RangeError(
      `Cannot encode rule: selectors not supported: "${rule.other.join(" ")}"`,
    );
  }
  const from = rule.from ? prefixBytes(rule.from) : null;
  const to = rule.to ? prefixBytes(rule.to) : null;
  const table = rule.table ?? MAIN_TABLE;
  const action = rule.action ?? "lookup";
  builder.begin(
    op === "add" ? k.RTM_NEWRULE : k.RTM_DELRULE,
    k.NLM_F_REQUEST | k.NLM_F_ACK |
      (op === "add" ? k.NLM_F_CREATE | k.NLM_F_EXCL : 0),
    seq,
  )
    .u8(addressFamilyOf(rule.family))
    .u8(to?.length ?? 0).u8(from?.length ?? 0).u8(0)
    .u8(table > 255 || action !== "lookup" ? 0 : table).u8(0).u8(0)
    .u8(ruleActionNumber(action))
    .u32(rule.not === true ? k.FIB_RULE_INVERT : 0);
  if (from !== null) builder.attribute(k.FRA_SRC, from.address);
  if (to !== null) builder.attribute(k.FRA_DST, to.address);
  if (rule.priority !== undefined) {
    builder.attributeU32(k.FRA_PRIORITY, rule.priority);
  }
  if (table > 255 && action === "lookup") {
    builder.attributeU32(k.FRA_TABLE, table);
  }
  if (rule.iif) builder.attributeText(k.FRA_IIFNAME, rule.iif);
  if (rule.oif) builder.attributeText(k.FRA_OIFNAME, rule.oif);
  if (rule.fwmark != null) builder.attributeU32(k.FRA_FWMARK, rule.fwmark);
  if (rule.fwmask != null) builder.attributeU32(k.FRA_FWMASK, rule.fwmask);
  builder.end();
}
