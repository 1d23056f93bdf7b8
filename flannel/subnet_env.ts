/**
 * subnet.env: the file by which flannel tells Docker and CNI its subnet.
 *
 * @module
 */
import { addressAt, formatCidr, parseCidr, tryParseCidr } from "./cidr.ts";
import type { SubnetEnv } from "./network_config_types.ts";

/** What is wrong with a subnet.env, by what breaks on it. */
export interface SubnetEnvProblem {
  readonly code:
    | "missing"
    | "quoted"
    /** Blanks at the `=`: only flanneld and systemd read it. */
    | "spaces"
    /** `export` or blanks before it: the CNI plugin does not find it. */
    | "prefixed"
    /** Blanks or a comment after it, which the CNI plugin takes along. */
    | "trailing"
    | "carriage-return"
    | "not-cidr"
    | "several-cidrs"
    /** The subnet's own address, which Docker cannot take. */
    | "network-address"
    /** Another address of the subnet than the first. */
    | "not-first"
    | "not-number"
    | "not-boolean"
    | "not-assignment"
    | "duplicate";
  /** Variable concerned, or the line's text for not-assignment. */
  readonly variable: string;
  readonly value: string | null;
  /** Counted from 1; null for a missing variable. */
  readonly line: number | null;
}

/** A subnet.env as read. */
export interface ParsedSubnetEnv {
  /** Null when a value without which flannel cannot be served is absent. */
  readonly env: SubnetEnv | null;
  readonly problems: readonly SubnetEnvProblem[];
}

const NETWORKS = ["FLANNEL_NETWORK", "FLANNEL_IPV6_NETWORK"] as const;
const SUBNETS = ["FLANNEL_SUBNET", "FLANNEL_IPV6_SUBNET"] as const;
const ASSIGNMENT = /^(\s*(?:export\s+)?)([A-Za-z_][\w.]*)(\s*)=(\s*)(.*)$/;

interface Line {
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

/** Takes quotes and a trailing comment off, as a dotenv parser does. */
function unquote(text: string): string {
  const quoted = /^(["'])(.*?)\1\s*(?:#.*)?$/.exec(text);
  return quoted !== null ? quoted[2]! : text.replace(/\s+#.*$/, "").trim();
}

function readLines(text: string, problems: SubnetEnvProblem[]): Line[] {
  const lines: Line[] = [];
  const add = (
    code: SubnetEnvProblem["code"],
    variable: string,
    value: string | null,
    line: number,
  ) => problems.push({ code, variable, value, line });
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    const content = raw.replace(/\r$/, "");
    if (/^\s*(#.*)?$/.test(content)) continue;
    const match = ASSIGNMENT.exec(content);
    if (match === null) {
      add("not-assignment", content.trim().slice(0, 80), null, line);
      continue;
    }
    const [, lead, name, before, after, rest] = match;
    const value = unquote(rest!);
    if (/^FLANNEL_/.test(name!)) {
      if (content !== raw) add("carriage-return", name!, value, line);
      if (before! + after! !== "") add("spaces", name!, rest!, line);
      else if (lead !== "") add("prefixed", name!, rest!, line);
      else if (/^["']/.test(rest!)) add("quoted", name!, rest!, line);
      else if (rest !== value) add("trailing", name!, rest!, line);
      if (lines.some((l) => l.name === name)) {
        add("duplicate", name!, value, line);
      }
    }
    lines.push({ name: name!, value, line });
  }
  return lines;
}

/** Longest prefix of an IPv4 subnet that flannel gives out. */
const LONGEST = 30;

/**
 * What is wrong with FLANNEL_SUBNET's address, of which Docker makes its
 * bridge's. The CNI plugin takes the subnet only, and so for IPv6 does all.
 */
function placeInSubnet(
  address: string,
): "network-address" | "not-first" | null {
  const cidr = parseCidr(address);
  const [ip] = address.split("/");
  if (cidr.prefixLength > LONGEST || addressAt(cidr, 1) === ip) return null;
  return addressAt(cidr, 0) === ip ? "network-address" : "not-first";
}

/**
 * Reads a subnet.env as tolerantly as flannel's dotenv parser (comments,
 * quotes, `export`, CRLF), and reports what the CNI plugin and
 * mk-docker-opts.sh, which are not so tolerant, stumble over. A comma list of
 * networks, which v0.21 to v0.24 wrote, is reported and its first one taken.
 *
 * Source: flannel v0.28.9 pkg/subnet/subnet.go, cni-plugin flannel.go.
 */
export function parseSubnetEnv(text: string): ParsedSubnetEnv {
  const problems: SubnetEnvProblem[] = [];
  const values = new Map<string, Line>();
  for (const line of readLines(text, problems)) values.set(line.name, line);
  const cidr = (name: string): string | null => {
    const entry = values.get(name);
    if (entry === undefined || entry.value === "") return null;
    const [first, ...more] = entry.value.split(",").map((s) => s.trim());
    if (more.length > 0) {
      problems.push({ code: "several-cidrs", variable: name, ...entry });
    }
    const family = name.includes("IPV6") ? 6 : 4;
    if (tryParseCidr(first!)?.family === family) return first!;
    problems.push({ code: "not-cidr", variable: name, ...entry });
    return null;
  };
  const [network, ipv6Network] = NETWORKS.map(cidr);
  const [subnet, ipv6Subnet] = SUBNETS.map(cidr);
  const place = subnet ? placeInSubnet(subnet) : null;
  if (place !== null) {
    const entry = values.get("FLANNEL_SUBNET")!;
    problems.push({ code: place, variable: entry.name, ...entry });
  }
  const mtuLine = values.get("FLANNEL_MTU");
  const mtu = mtuLine !== undefined && /^\d{1,9}$/.test(mtuLine.value)
    ? Number(mtuLine.value)
    : null;
  if (mtuLine !== undefined && mtu === null) {
    problems.push({ code: "not-number", variable: "FLANNEL_MTU", ...mtuLine });
  }
  const masqLine = values.get("FLANNEL_IPMASQ");
  if (masqLine !== undefined && !/^(true|false)$/.test(masqLine.value)) {
    problems.push({
      code: "not-boolean",
      variable: "FLANNEL_IPMASQ",
      ...masqLine,
    });
  }
  const missing = (variable: string) =>
    problems.push({ code: "missing", variable, value: null, line: null });
  if (!NETWORKS.some((n) => values.has(n))) missing("FLANNEL_NETWORK");
  if (!SUBNETS.some((n) => values.has(n))) missing("FLANNEL_SUBNET");
  if (mtuLine === undefined) missing("FLANNEL_MTU");
  if (masqLine === undefined) missing("FLANNEL_IPMASQ");
  const usable = (subnet ?? ipv6Subnet ?? null) !== null && mtu !== null;
  return {
    env: usable
      ? {
        network: network ?? null,
        subnet: subnet ?? null,
        ipv6Network: ipv6Network ?? null,
        ipv6Subnet: ipv6Subnet ?? null,
        mtu,
        ipMasq: masqLine?.value === "true",
      }
      : null,
    problems: problems.map(({ code, variable, value, line }) => ({
      code,
      variable,
      value,
      line,
    })),
  };
}

/**
 * The text of a subnet.env, byte for byte flannel's: IPv4 lines when the
 * network has IPv4, IPv6 lines when it has IPv6, then MTU and IPMASQ.
 *
 * Source: flannel v0.28.9 pkg/subnet/subnet.go WriteSubnetFile.
 */
export function formatSubnetEnv(env: SubnetEnv): string {
  const lines: string[] = [];
  if (env.network !== null && env.subnet !== null) {
    lines.push(`FLANNEL_NETWORK=${env.network}`);
    lines.push(`FLANNEL_SUBNET=${env.subnet}`);
  }
  if (env.ipv6Network !== null && env.ipv6Subnet !== null) {
    lines.push(`FLANNEL_IPV6_NETWORK=${env.ipv6Network}`);
    lines.push(`FLANNEL_IPV6_SUBNET=${env.ipv6Subnet}`);
  }
  lines.push(`FLANNEL_MTU=${env.mtu}`, `FLANNEL_IPMASQ=${env.ipMasq}`);
  return `${lines.join("\n")}\n`;
}

/**
 * FLANNEL_SUBNET of a lease's subnet: its first address (network address
 * plus one) with its length, `10.5.1.0/24` to `10.5.1.1/24`.
 */
export function firstAddressOf(subnet: string): string {
  const cidr = parseCidr(subnet);
  return `${addressAt(cidr, 1)}/${cidr.prefixLength}`;
}

/** The subnet that FLANNEL_SUBNET's address lies in, `10.5.1.1/24` to `10.5.1.0/24`. */
export function subnetOf(address: string): string {
  return formatCidr(parseCidr(address));
}
