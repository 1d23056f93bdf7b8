/**
 * Options flannel knows in a network config, with the versions that do.
 *
 * Source: flannel v0.28.9 and v0.11.0 pkg/subnet/config.go, pkg/backend/*.
 *
 * @module
 */
import { atLeast, FLANNEL_LATEST } from "./version.ts";

/** Go type an option is decoded into. */
export type OptionType =
  | "bool"
  | "int"
  | "uint"
  | "string"
  | "cidr4"
  | "cidr6"
  | "ipv4"
  | "ipv6"
  | "object"
  | "any";

/** An option's name and history. */
export interface ConfigOption {
  /** As flannel's documents spell it; matched whatever its case. */
  readonly name: string;
  readonly type: OptionType;
  /** First release that knows it; absent for v0.11 and older. */
  readonly since?: string;
}

/** A backend's name, history and options. */
export interface BackendSpecification {
  readonly type: string;
  readonly since?: string;
  /** First release without it. */
  readonly until?: string;
  readonly options: readonly ConfigOption[];
}

/** Options at the top of the network config. */
export const CONFIG_OPTIONS: readonly ConfigOption[] = [
  { name: "EnableIPv4", type: "bool", since: "0.15.0" },
  { name: "EnableIPv6", type: "bool", since: "0.15.0" },
  { name: "EnableNFTables", type: "bool", since: "0.25.0" },
  { name: "Network", type: "cidr4" },
  { name: "SubnetLen", type: "uint" },
  { name: "SubnetMin", type: "ipv4" },
  { name: "SubnetMax", type: "ipv4" },
  { name: "IPv6Network", type: "cidr6", since: "0.15.0" },
  { name: "IPv6SubnetLen", type: "uint", since: "0.15.0" },
  { name: "IPv6SubnetMin", type: "ipv6", since: "0.15.0" },
  { name: "IPv6SubnetMax", type: "ipv6", since: "0.15.0" },
  { name: "Backend", type: "object" },
];

const CLOUD_KEYS: readonly ConfigOption[] = [
  { name: "AccessKeyID", type: "string" },
  { name: "AccessKeySecret", type: "string" },
];

/** Every backend of v0.11.0 to v0.28.9 with its options. */
export const BACKENDS: readonly BackendSpecification[] = [
  { type: "alloc", options: [] },
  {
    type: "extension",
    options: [
      { name: "PreStartupCommand", type: "string" },
      { name: "PostStartupCommand", type: "string" },
      { name: "SubnetAddCommand", type: "string" },
      { name: "SubnetRemoveCommand", type: "string" },
    ],
  },
  { type: "host-gw", options: [] },
  { type: "ipip", options: [{ name: "DirectRouting", type: "bool" }] },
  {
    type: "ipsec",
    options: [
      { name: "PSK", type: "string" },
      { name: "UDPEncap", type: "bool" },
      { name: "ESPProposal", type: "string" },
    ],
  },
  { type: "tencent-vpc", since: "0.14.0", options: CLOUD_KEYS },
  { type: "udp", options: [{ name: "Port", type: "int" }] },
  {
    type: "vxlan",
    options: [
      { name: "VNI", type: "int" },
      { name: "Port", type: "int" },
      { name: "MTU", type: "int", since: "0.21.3" },
      { name: "GBP", type: "bool" },
      { name: "Learning", type: "bool", since: "0.12.0" },
      { name: "DirectRouting", type: "bool" },
    ],
  },
  {
    type: "wireguard",
    since: "0.16.0",
    options: [
      { name: "ListenPort", type: "int" },
      { name: "ListenPortV6", type: "int" },
      { name: "MTU", type: "int" },
      { name: "PSK", type: "string" },
      { name: "PersistentKeepaliveInterval", type: "int" },
      { name: "Mode", type: "string", since: "0.18.0" },
    ],
  },
  { type: "ali-vpc", until: "0.20.0", options: CLOUD_KEYS },
  {
    type: "aws-vpc",
    until: "0.20.0",
    options: [{ name: "RouteTableID", type: "any" }],
  },
  { type: "gce", until: "0.20.0", options: [] },
];

/** Whether an option or backend is known to a release. */
export function isKnownTo(
  entry: { readonly since?: string; readonly until?: string },
  version: string,
): boolean {
  if (entry.since !== undefined && !atLeast(version, entry.since)) return false;
  return entry.until === undefined || !atLeast(version, entry.until);
}

/** Names of the backends a release registers, sorted. */
export function backendTypes(version: string = FLANNEL_LATEST): string[] {
  return BACKENDS.filter((b) => isKnownTo(b, version)).map((b) => b.type)
    .sort();
}

/** The backend of that name, whatever its case, or undefined. */
export function backendSpecification(
  type: string,
): BackendSpecification | undefined {
  const wanted = type.toLowerCase();
  return BACKENDS.find((b) => b.type === wanted);
}

/** What a release makes of a backend type. */
export type BackendSupport = "supported" | "not-in-version" | "unknown";

/** Whether a release registers a backend type (compared in lower case). */
export function backendSupport(
  type: string,
  version: string = FLANNEL_LATEST,
): BackendSupport {
  const backend = backendSpecification(type);
  if (backend === undefined) return "unknown";
  return isKnownTo(backend, version) ? "supported" : "not-in-version";
}

/** Letters to insert, remove or change to make one name of the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same));
    }
    row = next;
  }
  return row[b.length]!;
}

/** The name most like `name`, or null when none is near. */
export function nearestName(
  name: string,
  names: readonly string[],
): string | null {
  const wanted = name.toLowerCase().slice(0, 64);
  let best: string | null = null;
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of names) {
    const d = distance(wanted, candidate.toLowerCase());
    if (d < least) [best, least] = [candidate, d];
  }
  return best;
}
