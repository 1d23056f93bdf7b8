/**
 * What the NAT and filter checks share: which packets a host's containers
 * send, and how rules and places are shown.
 *
 * @module
 */
import type { ExpectedState, LocalNode } from "../../flannel/expected_types.ts";
import type { Address, Link } from "../../flannel/kernel.ts";
import type { NetworkConfig } from "../../flannel/network_config_types.ts";
import { overlayDevices } from "../../flannel/overlay_devices.ts";
import { ownNetworks } from "../../flannel/own_networks.ts";
import { peerAddresses } from "../../flannel/firewall/overlay_traffic.ts";
import {
  backendsInUse,
  familyOf,
  type FilledPlace,
  type Overlay,
  type RuleOwner,
  ruleSpecification,
  typedRule,
} from "../../flannel/firewall/mod.ts";
import type { NetfilterBackend, Ruleset } from "../../flannel/firewall/rule.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import type { CheckCode } from "../check.ts";
import { containerBridge } from "../container_bridge.ts";
import { STATE_CAUSES } from "../records.ts";

/** Facts of which the overlay's packets are told. */
export interface OverlayFacts {
  readonly config: NetworkConfig;
  readonly node: LocalNode;
  readonly expected: ExpectedState;
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
}

/** Causes that leave no subnet, or two networks, to judge rules for. */
export const SUBNET_CAUSES: readonly CheckCode[] = [
  ...STATE_CAUSES,
  "FD109",
  "FD204",
];

/** Bridges that containers of this network will have once there are some. */
function futureBridge(links: readonly Link[]): string {
  const known = ["cni0", "docker0"];
  return known.find((name) => links.some((link) => link.name === name)) ??
    "cni0";
}

/**
 * The overlay as this host sees it, once for each family: IPv6 has tables of
 * its own. None without an own lease; `unlessSubnet` skips those hosts.
 */
export function overlaysOf(facts: OverlayFacts): Overlay[] {
  const { config, node, expected, links } = facts;
  const bridge = containerBridge(facts) ?? futureBridge(links);
  return ownNetworks(config, node.lease).map(({ family, network, subnet }) => ({
    network,
    subnet,
    bridge,
    overlayDevices: overlayDevices(expected, node, family),
    externalDevice: node.device,
  }));
}

/** The skip of checks that need a subnet of this host. */
export function unlessSubnet(facts: Facts): "no-lease" | undefined {
  const config = valueOf(facts.config);
  const node = valueOf(facts.node);
  return config && node && ownNetworks(config, node.lease).length === 0
    ? "no-lease"
    : undefined;
}

/** Texts of that skip. */
export const NO_SUBNET = {
  en: { "no-lease": "this host has no lease" },
  zh: { "no-lease": "本机没有租约" },
} as const;

/** Name of a backend, `ip6tables-…` for what IPv6 has of its own. */
export function backendName(
  { backend, family }: Pick<FilledPlace, "backend" | "family">,
): string {
  return family === "ip6" ? toolOf(backend, 6) : backend;
}

function toolOf(name: string, family: 4 | 6): string {
  return family === 6 ? name.replace(/^iptables/, "ip6tables") : name;
}

/**
 * A rule with its place: `RULE   (nat POSTROUTING 1, iptables-nft, docker)`.
 */
export function ruleLine(place: FilledPlace, owner?: RuleOwner): string {
  const { table, chain, position, rule } = place;
  const whose = owner === undefined || owner === "other" ? "" : `, ${owner}`;
  return `${rule.text}   (${table} ${chain} ${position}, ${
    backendName(place)
  }${whose})`;
}

/** CIDRs shown of a long list. */
const SHOWN = 3;

/** Addresses as a person writes them: the network for all of its peers. */
export function addressesText(
  cidrs: readonly string[],
  overlay: Overlay,
): string {
  const peers = peerAddresses(overlay);
  if (cidrs.join() === peers.join()) return overlay.network;
  const more = cidrs.length > SHOWN ? " …" : "";
  return `${cidrs.slice(0, SHOWN).join(", ")}${more}`;
}

/**
 * The program that edits a backend's rules: the variant by name only where
 * both hold rules, for older systems know no other name than iptables.
 */
export function iptablesTool(
  backend: NetfilterBackend,
  rulesets: readonly Ruleset[],
  family: 4 | 6,
): string {
  const used = new Set(backendsInUse(rulesets).map((use) => use.backend));
  const isBoth = used.has("iptables-nft") && used.has("iptables-legacy");
  return toolOf(isBoth ? backend : "iptables", family);
}

/** That program for a chain where it is. */
export function placeTool(
  place: Pick<FilledPlace, "backend" | "family">,
  rulesets: readonly Ruleset[],
): string {
  return iptablesTool(place.backend, rulesets, place.family === "ip6" ? 6 : 4);
}

/** The word by which nft asks for addresses of an overlay's family. */
export function nftWord(overlay: Overlay): "ip" | "ip6" {
  return familyOf(overlay) === 4 ? "ip" : "ip6";
}

/** What a person types to delete a rule; null where nothing names it. */
export function deleteCommand(
  place: FilledPlace,
  rulesets: readonly Ruleset[],
): string | null {
  const { backend, family, table, chain, rule } = place;
  if (backend !== "nftables") {
    const tool = placeTool(place, rulesets);
    const option = table === "filter" ? "" : `-t ${table} `;
    const specification = typedRule(ruleSpecification(rule.text));
    return `${tool} ${option}-D ${chain} ${specification}`;
  }
  return rule.handle === null
    ? null
    : `nft delete rule ${family} ${table} ${chain} handle ${rule.handle}`;
}
