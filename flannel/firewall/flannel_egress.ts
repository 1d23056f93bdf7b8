import { multicastOf } from "./flannel_shapes.ts";
import type { Match, Rule } from "./rule.ts";

/** The one CIDR that a match asks for, or refuses (`not`); else null. */
export function onlyAddress(
  asked: Match["source"],
  not: boolean,
): string | null {
  if (asked === undefined || asked.not !== not) return null;
  return asked.value.length === 1 ? asked.value[0]! : null;
}

/**
 * The network of flannel's rule for traffic that leaves it, `-s NETWORK ! -d
 * 224.0.0.0/4 -j MASQUERADE`, which every version since 0.6 has and nobody
 * else makes; null for any other rule.
 */
export function egressNetwork(rule: Rule): string | null {
  const network = onlyAddress(rule.match.source, false);
  if (network === null || rule.target.kind !== "MASQUERADE") return null;
  const spared = onlyAddress(rule.match.destination, true);
  return spared === multicastOf(network) ? network : null;
}

/**
 * The network of flannel's rule for traffic that enters it, `! -s NETWORK -d
 * NETWORK -j MASQUERADE`; null for any other rule.
 */
export function ingressNetwork(rule: Rule): string | null {
  const network = onlyAddress(rule.match.destination, false);
  if (network === null || rule.target.kind !== "MASQUERADE") return null;
  return onlyAddress(rule.match.source, true) === network ? network : null;
}
