import { asksFor } from "./compare.ts";
import type { Rule } from "./rule.ts";

/** How Docker's masquerade rule stands to the overlay network. */
export type DockerMasqueradeForm = "unscoped" | "scoped";

/** The addresses a rule is looked at for. */
export interface DockerBridge {
  /** The bridge's subnet, canonical CIDR. */
  readonly subnet: string;
  /** The bridge, such as `docker0`. */
  readonly bridge: string;
  /** The flannel network, canonical CIDR. */
  readonly network: string;
}

/**
 * Recognises the rule by which Docker hides a bridge's containers behind the
 * host: `-s SUBNET ! -o BRIDGE -j MASQUERADE`, or SNAT where the bridge has a
 * `host_ipv4` (moby `programChainRule` and `nftabler`, any version, any
 * backend). The scoped form has `! -d NETWORK` besides.
 *
 * @returns null for any other rule
 */
export function dockerMasqueradeForm(
  rule: Rule,
  { subnet, bridge, network }: DockerBridge,
): DockerMasqueradeForm | null {
  const { match, target } = rule;
  if (target.kind !== "MASQUERADE" && target.kind !== "SNAT") return null;
  const asked = Object.keys(match).filter((key) =>
    !["source", "destination", "outDevice", "other"].includes(key)
  );
  if (asked.length > 0 || match.other.length > 0) return null;
  const out = match.outDevice;
  if (out === undefined || !out.not || out.value.join() !== bridge) return null;
  if (!asksFor(match.source, subnet)) return null;
  if (match.destination === undefined) return "unscoped";
  return asksFor(match.destination, network, true) ? "scoped" : null;
}
