import type { Chain, Rule, Ruleset } from "../../flannel/firewall/rule.ts";

/** A network that a rule of flannel's carries, with the rule as printed. */
export interface RuleNetwork {
  readonly network: string;
  readonly rule: string;
}

/** Source of a rule  that asks for one network, or null. */
function sourceOf(rule: Rule): string | null {
  const { source, other } = rule.match;
  if (source === undefined || source.not || other.length > 0) return null;
  return source.value.length === 1 ? source.value[0]! : null;
}

/** flannel's own forward chains: FLANNEL-FWD, nft `flannel-ipv4 forward`. */
function isForward(table: string, chain: Chain): boolean {
  return chain.name === "FLANNEL-FWD" ||
    (/^flannel-ipv[46]$/.test(table) && chain.name === "forward");
}

/** `-s N ! -d 224.0.0.0/4 -j MASQUERADE`, in every release since v0.6. */
function isMasquerade(rule: Rule): boolean {
  const { destination } = rule.match;
  return rule.target.kind === "MASQUERADE" && destination?.not === true &&
    destination.value.length === 1 &&
    (destination.value[0] === "224.0.0.0/4" ||
      destination.value[0] === "ff00::/8");
}

/**
 * Networks in the rules that can only be flannel's: its own forward chains, a
 * forward rule with its comment, and its masquerade rule, which alone spares
 * multicast. The bare forward rules of v0.11 could be anybody's.
 */
export function ruleNetworks(
  rulesets: readonly Ruleset[],
  family: 4 | 6,
): RuleNetwork[] {
  const found: RuleNetwork[] = [];
  for (const { tables } of rulesets) {
    for (const table of tables) {
      for (const chain of table.chains) {
        for (const rule of chain.rules) {
          const network = sourceOf(rule);
          if (network === null || network.includes(":") !== (family === 6)) {
            continue;
          }
          const forward = rule.target.kind === "ACCEPT" &&
            (isForward(table.name, chain) ||
              rule.comment === "flanneld forward");
          if (forward || isMasquerade(rule)) {
            found.push({ network, rule: rule.text });
          }
        }
      }
    }
  }
  return found;
}
