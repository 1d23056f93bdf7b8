/**
 * How the checks of dropped packets name what drops them.
 *
 * @module
 */
import {
  type DropHit,
  ruleKey,
  type RulePlace,
  type WalkHit,
} from "../../flannel/firewall/mod.ts";
import { chainKey } from "../../flannel/firewall/rule_places.ts";
import { backendName, ruleLine } from "./overlay.ts";

/** The place of a rule or policy, the same for each packet that meets it. */
export function dropPlace(hit: RulePlace): string {
  const rule = hit.rule === null ? "policy" : ruleKey(hit.rule);
  return `${chainKey(hit)} ${hit.position} ${rule}`;
}

/** The rule or policy as its tool prints it, with its place. */
export function dropLine(hit: WalkHit & Pick<DropHit, "owner">): string {
  const { rule, position } = hit;
  if (rule !== null && position !== null) {
    return ruleLine({ ...hit, rule, position }, hit.owner);
  }
  const place = `(${hit.table} ${hit.chain}, ${backendName(hit)})`;
  return hit.backend === "nftables"
    ? `policy drop;   ${place}`
    : `-P ${hit.chain} DROP   ${place}`;
}
