/**
 * Flannel's masquerade rules for this host's own network: FD604 and FD605.
 *
 * @module
 */
import type {
  FlannelState,
  FoundFlannelRule,
  Overlay,
} from "../../flannel/firewall/mod.ts";
import { chainKey } from "../../flannel/firewall/rule_places.ts";

/** Rules that spare packets; without them the others take too much. */
export function missingGuards({ missing }: FlannelState) {
  return missing.filter(({ rule }) =>
    ["RETURN", "ACCEPT"].includes(rule.target.kind)
  );
}

/**
 * All that a state has for the network of now, those of a former subnet and of
 * another version too. What is the same for each network, jumps and the rule
 * for marked packets, belongs to another network where that has rules left.
 */
export function ownRules(
  { present, surplus, leftover }: FlannelState,
  { network }: Overlay,
): FoundFlannelRule[] {
  const all = [...present, ...surplus, ...leftover];
  const others = all.filter((place) =>
    place.network !== null && place.network !== network
  );
  const shared = new Set(others.map(chainKey));
  const chains = new Set(others.map(({ chain }) => chain));
  return all.filter((place) => {
    if (place.network !== null) return place.network === network;
    const { target } = place.rule;
    return target.kind === "JUMP"
      ? !chains.has(target.chain)
      : !shared.has(chainKey(place));
  });
}
