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
import { peerAddresses } from "../../flannel/firewall/overlay_traffic.ts";
import {
  backendsInUse,
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
 * The overlay as this host sees it.
 *
 * @throws {RangeError} without IPv4 or without an own lease; `unlessSubnet`
 *   skips those hosts
 */
export function overlayOf(facts: OverlayFacts): Overlay {
  const { config, node, expected } = facts;
  const subnet = node.lease?.subnet ?? null;
  if (config.ipv4 === null || subnet === null) {
    throw new RangeError("Cannot judge rules: this host has no IPv4 subnet");
  }
  return {
    network: config.ipv4.network,
    subnet,
    bridge: containerBridge(facts) ?? futureBridge(facts.links),
    overlayDevices: overlayDevices(expected, node),
    externalDevice: node.device,
  };
}

/** The skip of checks that need this host's IPv4 subnet. */
export function unlessSubnet(
  facts: Facts,
): "no-ipv4" | "no-lease" | undefined {
  const config = valueOf(facts.config);
  if (config && config.ipv4 === null) return "no-ipv4";
  const node = valueOf(facts.node);
  return node && (node.lease?.subnet ?? null) === null ? "no-lease" : undefined;
}

/** Texts of that skip. */
export const NO_SUBNET = {
  en: {
    "no-ipv4": "the network has no IPv4",
    "no-lease": "this host has no lease",
  },
  zh: {
    "no-ipv4": "本网络没有启用 IPv4",
    "no-lease": "本机没有租约",
  },
} as const;

/**
 * A rule with its place: `RULE   (nat POSTROUTING 1, iptables-nft, docker)`.
 */
export function ruleLine(place: FilledPlace, owner?: RuleOwner): string {
  const { table, chain, position, backend, rule } = place;
  const whose = owner === undefined || owner === "other" ? "" : `, ${owner}`;
  return `${rule.text}   (${table} ${chain} ${position}, ${backend}${whose})`;
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
): string {
  const used = new Set(backendsInUse(rulesets).map((use) => use.backend));
  return used.has("iptables-nft") && used.has("iptables-legacy")
    ? backend
    : "iptables";
}

/** What a person types to delete a rule; null where nothing names it. */
export function deleteCommand(
  place: FilledPlace,
  rulesets: readonly Ruleset[],
): string | null {
  const { backend, family, table, chain, rule } = place;
  if (backend !== "nftables") {
    const tool = iptablesTool(backend, rulesets);
    const option = table === "filter" ? "" : `-t ${table} `;
    const specification = typedRule(ruleSpecification(rule.text));
    return `${tool} ${option}-D ${chain} ${specification}`;
  }
  return rule.handle === null
    ? null
    : `nft delete rule ${family} ${table} ${chain} handle ${rule.handle}`;
}
