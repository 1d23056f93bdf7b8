/**
 * `flandoc run --snat`: Docker's masquerade rule spares the flannel network.
 *
 * @module
 */
import { containsAddress, parseCidr } from "../../flannel/cidr.ts";
import {
  overlayMasquerade,
  type RewriteHit,
} from "../../flannel/firewall/overlay_rewrites.ts";
import type { Overlay } from "../../flannel/firewall/overlay_traffic.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import type { Address, Link } from "../../flannel/kernel.ts";
import type { NetfilterChange } from "../../host/netfilter/chain_edits.ts";

/** Docker's bridge where no device holds the subnet yet. */
const DEFAULT_BRIDGE = "docker0";

/** The bridge that holds an address of the subnet. */
export function bridgeOf(
  subnet: string,
  links: readonly Link[],
  addresses: readonly Address[],
): string {
  const cidr = parseCidr(subnet);
  const bridges = new Set(
    links.filter((link) => link.kind === "bridge").map((link) => link.name),
  );
  return addresses.find((a) =>
    bridges.has(a.device) && containsAddress(cidr, a.address)
  )?.device ?? DEFAULT_BRIDGE;
}

/**
 * The next change that scopes one of Docker's rules, or null when all are: the
 * scoped rule goes in before the old one goes out, in one transaction. Rules
 * of others are not touched.
 */
export function scopeChange(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): NetfilterChange | null {
  const hit = overlayMasquerade(rulesets, overlay).find((each) =>
    each.owner === "docker" && each.scoped !== null
  );
  return hit === undefined ? null : changeOf(hit);
}

function changeOf(hit: RewriteHit): NetfilterChange {
  const { backend, table, chain, position, rule, scoped, scopedPosition } = hit;
  const there = scopedPosition !== null;
  const edits = [
    ...there ? [] : [{ op: "insert" as const, rule: scoped!, position }],
    {
      op: "delete" as const,
      rule: rule.text.replace(/^-A \S+ ?/, ""),
      position: there ? position : position + 1,
    },
  ];
  const family = hit.family === "ip6" ? 6 : 4;
  return { kind: "netfilter", backend, family, table, chain, edits };
}

/** Rules of others that hide containers from the other hosts, as text. */
export function foreignRewrites(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): string[] {
  return overlayMasquerade(rulesets, overlay)
    .filter((hit) => hit.owner !== "docker" && hit.owner !== "flannel")
    .filter((hit) => hit.direction === "out")
    .map((hit) => hit.rule.text);
}
