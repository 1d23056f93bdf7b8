/**
 * `flandoc run --snat`: Docker's masquerade rule spares the flannel network.
 *
 * @module
 */
import {
  contains,
  containsAddress,
  parseCidr,
  tryParseCidr,
} from "../../flannel/cidr.ts";
import { dockerMasqueradeForm } from "../../flannel/firewall/docker_masquerade.ts";
import {
  overlayMasquerade,
  type RewriteHit,
} from "../../flannel/firewall/overlay_rewrites.ts";
import {
  familyOf,
  type Overlay,
} from "../../flannel/firewall/overlay_traffic.ts";
import { rulePlaces } from "../../flannel/firewall/rule_places.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import { ruleSpecification } from "../../flannel/firewall/scope_rule.ts";
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
      rule: ruleSpecification(rule.text),
      position: there ? position : position + 1,
    },
  ];
  const family = hit.family === "ip6" ? 6 : 4;
  return { kind: "netfilter", backend, family, table, chain, edits };
}

/**
 * The change that takes away one rule which was scoped for a former subnet of
 * this host, or null when there is none. Docker cannot: it looks for the text
 * it wrote. A bridge that holds an address of the subnet still keeps its rule.
 */
export function formerScope(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
  addresses: readonly Address[],
): NetfilterChange | null {
  const { network, bridge } = overlay;
  const outer = parseCidr(network);
  const family = familyOf(overlay);
  for (const place of rulePlaces(rulesets, family)) {
    const subnet = place.rule.match.source?.value[0];
    const cidr = subnet === undefined ? null : tryParseCidr(subnet);
    if (
      subnet === undefined || cidr === null || subnet === overlay.subnet ||
      subnet === network || !contains(outer, cidr) ||
      dockerMasqueradeForm(place.rule, { subnet, bridge, network }) !==
        "scoped" ||
      addresses.some((each) => containsAddress(cidr, each.address))
    ) continue;
    const { backend, table, chain, position, rule } = place;
    const text = ruleSpecification(rule.text);
    return {
      kind: "netfilter",
      backend,
      family,
      table,
      chain,
      edits: [{ op: "delete", rule: text, position }],
    };
  }
  return null;
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
