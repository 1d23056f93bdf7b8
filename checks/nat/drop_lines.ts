/**
 * How the checks of dropped packets name what drops them.
 *
 * @module
 */
import {
  type DropHit,
  ruleKey,
  type RuleOwner,
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

/** Why it is not known whether a rule for routed packets drops, in a sentence. */
export function unsureReason(device: string, hit: RulePlace): string {
  const { table, chain, rule } = hit;
  const text = rule?.text ?? `-P ${chain} DROP`;
  return `cannot tell what ${device} loses by a rule of ${table} ${chain}: ${text}`;
}

/** Owners whose rules on maps and marks are known, and not judged by a guess. */
const TRUSTED: ReadonlySet<RuleOwner> = new Set<RuleOwner>([
  "docker",
  "flannel",
  "kubernetes",
  "cni",
  "calico",
]);

/** Whether it is a program's own rule, which asks for services of its. */
export function isTrusted({ owner }: Pick<DropHit, "owner">): boolean {
  return TRUSTED.has(owner);
}
