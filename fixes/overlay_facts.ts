import { overlaysOf } from "../checks/nat/overlay.ts";
import type { Overlay } from "../flannel/firewall/mod.ts";
import type { Ruleset } from "../flannel/firewall/rule.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";

/** The overlay of one family and the rules it meets. */
export interface OverlayRules {
  readonly overlay: Overlay;
  readonly rulesets: readonly Ruleset[];
}

/**
 * What the netfilter repairs plan from, once for each family that this host
 * has a subnet of; null when something of it is not known.
 */
export function overlayRules(facts: Facts): OverlayRules[] | null {
  const config = valueOf(facts.config);
  const node = valueOf(facts.node);
  const expected = valueOf(facts.expected);
  const links = valueOf(facts.links);
  const addresses = valueOf(facts.addresses);
  const rulesets = valueOf(facts.netfilter);
  if (!config || !node || !expected || !links || !addresses || !rulesets) {
    return null;
  }
  return overlaysOf({ config, node, expected, links, addresses })
    .map((overlay) => ({ overlay, rulesets }));
}
