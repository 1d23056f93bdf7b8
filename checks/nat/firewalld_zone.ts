import type { RulePlace } from "../../flannel/firewall/mod.ts";
import type { Rule, Ruleset } from "../../flannel/firewall/rule.ts";

/** `filter_IN_public_deny` of nftables, `IN_public` of iptables. */
const ZONE_CHAIN = /^(?:filter_)?IN_(.+?)(?:_(pre|log|deny|allow|post))?$/;

/** A chain of firewalld's for what comes to this host by one zone. */
export interface ZoneChain {
  readonly zone: string;
  /** Its part, in the order they are asked; null for what is asked last. */
  readonly part: "pre" | "log" | "deny" | "allow" | "post" | null;
}

/** The zone of a chain by its name; null for policies and other chains. */
export function zoneOfChain(name: string): ZoneChain | null {
  const [, zone, part = null] = ZONE_CHAIN.exec(name) ?? [];
  return zone === undefined || zone.startsWith("policy_")
    ? null
    : { zone, part: part as ZoneChain["part"] };
}

function isFor(rule: Rule, device: string): boolean {
  const { source, inDevice } = rule.match;
  if (source !== undefined || inDevice?.not) return false;
  return inDevice === undefined || inDevice.value.includes(device);
}

/**
 * The zone by which packets of a device meet a drop of firewalld's: that of
 * its chain, else of the device. Null where neither is known: firewall-cmd then
 * takes the default zone.
 */
export function firewalldZone(
  { chain, table, family, backend }: RulePlace,
  rulesets: readonly Ruleset[],
  device: string,
): ZoneChain | null {
  const named = zoneOfChain(chain);
  if (named !== null) return named;
  const rules = rulesets.filter((each) => each.backend === backend)
    .flatMap(({ tables }) => tables)
    .filter((each) => each.name === table && each.family === family)
    .flatMap(({ chains }) => chains)
    .filter(({ name }) => /^(filter_)?INPUT_ZONES$/.test(name))
    .flatMap((each) => each.rules);
  for (const rule of rules) {
    const { target } = rule;
    if (target.kind !== "JUMP" && target.kind !== "GOTO") continue;
    const zone = zoneOfChain(target.chain);
    if (zone !== null && isFor(rule, device)) return zone;
  }
  return null;
}
