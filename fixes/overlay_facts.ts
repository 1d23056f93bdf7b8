import { overlayOf } from "../checks/nat/overlay.ts";
import type { Overlay } from "../flannel/firewall/mod.ts";
import type { Ruleset } from "../flannel/firewall/rule.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";

/** The overlay and the rules it meets; null when one of them is not known. */
export interface OverlayRules {
  readonly overlay: Overlay;
  readonly rulesets: readonly Ruleset[];
}

/** What the netfilter repairs plan from. */
export function overlayRules(facts: Facts): OverlayRules | null {
  const config = valueOf(facts.config);
  const node = valueOf(facts.node);
  const expected = valueOf(facts.expected);
  const links = valueOf(facts.links);
  const addresses = valueOf(facts.addresses);
  const rulesets = valueOf(facts.netfilter);
  if (!config || !node || !expected || !links || !addresses || !rulesets) {
    return null;
  }
  if (config.ipv4 === null || !node.lease?.subnet) return null;
  const overlay = overlayOf({ config, node, expected, links, addresses });
  return { overlay, rulesets };
}
