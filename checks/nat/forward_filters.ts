import {
  type DropHit,
  type Overlay,
  overlayDrops,
  type RuleOwner,
} from "../../flannel/firewall/mod.ts";
import type { NetfilterBackend, Ruleset } from "../../flannel/firewall/rule.ts";

/** Owners whose drops are no filter that somebody set up for containers. */
const MACHINERY: ReadonlySet<RuleOwner> = new Set([
  "docker",
  "flannel",
  "kubernetes",
]);

/** Whose rule it is; DOCKER-USER is Docker's by name only. */
function isMachinery({ owner, chain }: DropHit): boolean {
  return chain !== "DOCKER-USER" && MACHINERY.has(owner);
}

/**
 * Rules of one backend that drop a part of the overlay's packets: a port, a
 * container. An accept before them switches them off for these packets.
 */
export function forwardFilters(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
  backend: NetfilterBackend,
): string[] {
  const own = rulesets.filter((ruleset) => ruleset.backend === backend);
  const rules = overlayDrops(own, overlay, "forward")
    .filter((hit) => hit.part !== "whole" && !isMachinery(hit))
    .flatMap(({ rule }) => rule === null ? [] : [rule.text]);
  return [...new Set(rules)];
}
