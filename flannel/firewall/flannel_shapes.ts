/**
 * The rules that flannel makes, for every version whose rules differ, as data.
 *
 * @module
 */
import { parseIptablesRule } from "./parse_iptables_rule.ts";
import type { Match, Rule, Target } from "./rule.ts";

/**
 * Shapes by how flannel's versions lay their rules out:
 * - `flannel-chain`: 0.5, chain FLANNEL
 * - `three-rules`: 0.6 and 0.7, straight in POSTROUTING
 * - `four-rules`: 0.8 to 0.19, from 0.17 with comments
 * - `own-chains-inserted`: 0.20, chains of its own, jumps at the head
 * - `own-chains`: 0.21 and later
 * - `nftables`: 0.25 and later with EnableNFTables
 */
export type FlannelShape =
  | "flannel-chain"
  | "three-rules"
  | "four-rules"
  | "own-chains-inserted"
  | "own-chains"
  | "nftables";

/** What flannel's rules are made of. */
export interface FlannelRuleOptions {
  /** The flannel network, canonical CIDR. */
  readonly network: string;
  /** This host's subnet, canonical CIDR. */
  readonly subnet: string;
  /**
   * `--random-fully` where iptables knows it (0.11 and later).
   * @default false
   */
  readonly randomFully?: boolean;
  /**
   * Whether the rules carry flannel's comments (0.17 and later).
   * @default true for shapes with chains of their own
   */
  readonly comments?: boolean;
}

/** One rule with where it belongs. */
export interface FlannelRule {
  /** masquerade: `--ip-masq`; forward: `--iptables-forward-rules`. */
  readonly part: "masquerade" | "forward";
  readonly table: string;
  readonly chain: string;
  readonly rule: Rule;
}

/** Shapes, oldest first. */
export const FLANNEL_SHAPES: readonly FlannelShape[] = [
  "flannel-chain",
  "three-rules",
  "four-rules",
  "own-chains-inserted",
  "own-chains",
  "nftables",
];

/** Multicast, which flannel never masquerades. */
export function multicastOf(network: string): string {
  return network.includes(":") ? "ff00::/8" : "224.0.0.0/4";
}

/** Name of flannel's nftables table for the family of a network. */
export function nftTableOf(network: string): string {
  return network.includes(":") ? "flannel-ipv6" : "flannel-ipv4";
}

const CHAINS = new Set(["FLANNEL", "FLANNEL-POSTRTG", "FLANNEL-FWD"]);

/** The lines of each iptables shape; N network, S subnet, M multicast. */
const NAT: Readonly<Record<Exclude<FlannelShape, "nftables">, string[]>> = {
  "flannel-chain": [
    "FLANNEL -d N -j ACCEPT",
    "FLANNEL ! -d M -j MASQUERADE",
    "POSTROUTING -s N -j FLANNEL",
    "POSTROUTING ! -s N -d N -j MASQUERADE",
  ],
  "three-rules": [
    "POSTROUTING -s N -d N -j RETURN",
    "POSTROUTING -s N ! -d M -j MASQUERADE",
    "POSTROUTING ! -s N -d N -j MASQUERADE",
  ],
  "four-rules": [
    "POSTROUTING -s N -d N -j RETURN",
    "POSTROUTING -s N ! -d M -j MASQUERADE",
    "POSTROUTING ! -s N -d S -j RETURN",
    "POSTROUTING ! -s N -d N -j MASQUERADE",
  ],
  "own-chains-inserted": [
    "POSTROUTING -j FLANNEL-POSTRTG",
    "FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -j RETURN",
    "FLANNEL-POSTRTG -s N -d N -j RETURN",
    "FLANNEL-POSTRTG -s N ! -d M -j MASQUERADE",
    "FLANNEL-POSTRTG ! -s N -d S -j RETURN",
    "FLANNEL-POSTRTG ! -s N -d N -j MASQUERADE",
  ],
  "own-chains": [
    "POSTROUTING -j FLANNEL-POSTRTG",
    "FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -j RETURN",
    "FLANNEL-POSTRTG -s S -d N -j RETURN",
    "FLANNEL-POSTRTG -s N -d S -j RETURN",
    "FLANNEL-POSTRTG ! -s N -d S -j RETURN",
    "FLANNEL-POSTRTG -s N ! -d M -j MASQUERADE",
    "FLANNEL-POSTRTG ! -s N -d N -j MASQUERADE",
  ],
};

const DIRECT_FORWARD = [
  "FORWARD -s N -j ACCEPT",
  "FORWARD -d N -j ACCEPT",
];

const OWN_FORWARD = [
  "FORWARD -j FLANNEL-FWD",
  "FLANNEL-FWD -s N -j ACCEPT",
  "FLANNEL-FWD -d N -j ACCEPT",
];

function forwardLines(shape: FlannelShape): readonly string[] {
  if (shape.startsWith("own-chains")) return OWN_FORWARD;
  return shape === "four-rules" ? DIRECT_FORWARD : [];
}

/** A line of the tables above with its addresses, comment and flags. */
function iptablesRule(
  line: string,
  part: FlannelRule["part"],
  options: FlannelRuleOptions,
  comments: boolean,
): FlannelRule {
  const [chain = "", ...words] = line.split(" ");
  const addresses: Record<string, string> = {
    N: options.network,
    S: options.subnet,
    M: multicastOf(options.network),
  };
  const said = part === "masquerade" ? "flanneld masq" : "flanneld forward";
  const comment = comments ? `-m comment --comment "${said}" ` : "";
  const target = words.lastIndexOf("-j");
  const match = words.slice(0, target).map((word) => addresses[word] ?? word);
  const goal = words.slice(target).join(" ");
  const random = goal === "-j MASQUERADE" && options.randomFully
    ? " --random-fully"
    : "";
  const text = `-A ${chain} ${
    match.map((word) => `${word} `).join("")
  }${comment}${goal}${random}`;
  return {
    part,
    table: part === "masquerade" ? "nat" : "filter",
    chain,
    rule: parseIptablesRule(text, CHAINS),
  };
}

function nftRule(
  options: FlannelRuleOptions,
  chain: "postrtg" | "forward",
  text: string,
  match: Omit<Match, "other">,
  target: Target,
): FlannelRule {
  return {
    part: chain === "postrtg" ? "masquerade" : "forward",
    table: nftTableOf(options.network),
    chain,
    rule: {
      match: { ...match, other: [] },
      target,
      comment: null,
      text,
      handle: null,
      packets: null,
    },
  };
}

/** v0.28.9 pkg/trafficmngr/nftables: the mark is compared whole. */
function nftRules(options: FlannelRuleOptions): FlannelRule[] {
  const { network, subnet, randomFully = false } = options;
  const ip = network.includes(":") ? "ip6" : "ip";
  const multicast = multicastOf(network);
  const is = (cidr: string) => ({ not: false, value: [cidr] });
  const isNot = (cidr: string) => ({ not: true, value: [cidr] });
  const full = randomFully ? " fully-random" : "";
  const back: Target = { kind: "RETURN" };
  const masquerade: Target = { kind: "MASQUERADE", randomFully };
  const accept: Target = { kind: "ACCEPT" };
  const mark = {
    not: false,
    value: { value: 0x4000, mask: 0xffffffff },
  };
  const rule = nftRule.bind(null, options);
  return [
    rule("postrtg", "meta mark 0x00004000 return", { mark }, back),
    rule("postrtg", `${ip} saddr ${subnet} ${ip} daddr ${network} return`, {
      source: is(subnet),
      destination: is(network),
    }, back),
    rule("postrtg", `${ip} saddr ${network} ${ip} daddr ${subnet} return`, {
      source: is(network),
      destination: is(subnet),
    }, back),
    rule("postrtg", `${ip} saddr != ${subnet} ${ip} daddr ${network} return`, {
      source: isNot(subnet),
      destination: is(network),
    }, back),
    rule(
      "postrtg",
      `${ip} saddr ${network} ${ip} daddr != ${multicast} masquerade${full}`,
      { source: is(network), destination: isNot(multicast) },
      masquerade,
    ),
    rule(
      "postrtg",
      `${ip} saddr != ${network} ${ip} daddr ${network} masquerade${full}`,
      { source: isNot(network), destination: is(network) },
      masquerade,
    ),
    rule("forward", `${ip} saddr ${network} accept`, {
      source: is(network),
    }, accept),
    rule("forward", `${ip} daddr ${network} accept`, {
      destination: is(network),
    }, accept),
  ];
}

/**
 * The rules of a shape in flannel's order, chain by chain. The mark rule of
 * `own-chains-inserted` came with 0.20.2.
 *
 * Sources: flannel v0.5.5 network/ipmasq.go, v0.6.2 to v0.19.2
 * network/iptables.go, v0.20.0 to v0.28.9 pkg/trafficmngr.
 */
export function flannelRules(
  shape: FlannelShape,
  options: FlannelRuleOptions,
): FlannelRule[] {
  if (shape === "nftables") return nftRules(options);
  const comments = options.comments ?? shape.startsWith("own-chains");
  return [
    ...NAT[shape].map((line) =>
      iptablesRule(line, "masquerade", options, comments)
    ),
    ...forwardLines(shape).map((line) =>
      iptablesRule(line, "forward", options, comments)
    ),
  ];
}
