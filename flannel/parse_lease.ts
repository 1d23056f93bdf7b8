/**
 * Lease records to leases.
 *
 * @module
 */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "./address.ts";
import { formatCidr } from "./cidr.ts";
import { jsonValue, parseJsonTree } from "./json_tree.ts";
import type { Lease, LeaseAttributes, LeaseRecord } from "./lease.ts";
import { parseSubnetKey } from "./subnet_key.ts";

/** A record that is no lease, and why. */
export interface LeaseProblem {
  readonly record: LeaseRecord;
  /** Which part is wrong. */
  readonly part: "key" | "value";
  readonly message: string;
}

/** What a list of records holds. */
export interface ParsedLeases {
  readonly leases: readonly Lease[];
  readonly problems: readonly LeaseProblem[];
}

/** Names of a lease value, in the order flannel writes them. */
export const LEASE_FIELDS = [
  "PublicIP",
  "PublicIPv6",
  "BackendType",
  "BackendData",
  "BackendV6Data",
] as const;

const EXACT: ReadonlySet<string> = new Set(LEASE_FIELDS);
const BY_LOWER = new Map(LEASE_FIELDS.map((n) => [n.toLowerCase(), n]));

type Fields = Partial<Record<typeof LEASE_FIELDS[number], unknown>>;

function fail(why: string): never {
  throw new SyntaxError(`Cannot parse lease value: ${why}`);
}

/**
 * Members by flannel's names. Every value any flannel wrote is spelt exactly
 * and takes the first branch; other spellings are matched as Go does, the
 * last one of a name wins.
 */
function readFields(text: string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Throws with the place and the reason, which JSON.parse does not give.
    parseJsonTree(text);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    fail("expected an object in { }");
  }
  if (Object.keys(parsed).every((name) => EXACT.has(name))) return parsed;
  const tree = parseJsonTree(text);
  const fields: Fields = {};
  if (tree.kind !== "object") return fields;
  for (const member of tree.members) {
    const name = BY_LOWER.get(member.name.toLowerCase());
    if (name !== undefined) fields[name] = jsonValue(member.value);
  }
  return fields;
}

function readText(fields: Fields, name: "PublicIP" | "BackendType"): string {
  const value = fields[name];
  if (value === undefined || (value === null && name === "BackendType")) {
    return "";
  }
  if (typeof value !== "string") fail(`expected ${name} to be a text`);
  return value;
}

/**
 * Parses the value of a lease. Unknown members are ignored, a missing
 * PublicIP is 0.0.0.0, as in flannel. Throws a SyntaxError.
 *
 * Source: flannel v0.28.9 pkg/lease/lease.go LeaseAttrs.
 */
export function parseLeaseValue(text: string): LeaseAttributes {
  const fields = readFields(text);
  const publicIP = readText(fields, "PublicIP");
  const v4 = publicIP === "" && fields.PublicIP === undefined
    ? 0
    : parseIpv4(publicIP);
  if (v4 === null) fail(`expected PublicIP to be IPv4, got "${publicIP}"`);
  const six = fields.PublicIPv6 ?? null;
  if (six !== null && typeof six !== "string") {
    fail("expected PublicIPv6 to be a text or null");
  }
  const v6 = six === null ? null : parseIpv6(six);
  if (six !== null && v6 === null) {
    fail(`expected PublicIPv6 to be IPv6, got "${six}"`);
  }
  return {
    publicIP: formatIpv4(v4),
    publicIPv6: v6 === null ? null : formatIpv6(v6),
    backendType: readText(fields, "BackendType"),
    backendData: fields.BackendData ?? null,
    backendV6Data: fields.BackendV6Data ?? null,
  };
}

/** Parses one record, or says which part of it is wrong. */
export function parseLease(record: LeaseRecord): Lease | LeaseProblem {
  let part: "key" | "value" = "key";
  try {
    const { ipv4, ipv6 } = parseSubnetKey(record.key);
    part = "value";
    return {
      key: record.key,
      subnet: ipv4 === null ? null : formatCidr(ipv4),
      ipv6Subnet: ipv6 === null ? null : formatCidr(ipv6),
      attributes: parseLeaseValue(record.value),
      ttl: record.ttl,
    };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { record, part, message: error.message };
  }
}

/** Whether parsing gave a problem. */
export function isLeaseProblem(
  parsed: Lease | LeaseProblem,
): parsed is LeaseProblem {
  return "part" in parsed;
}

/**
 * Parses a list of records. What is no lease is set apart, where flannel
 * v0.11 stalls and v0.28 forgets every peer.
 */
export function parseLeases(records: readonly LeaseRecord[]): ParsedLeases {
  const leases: Lease[] = [];
  const problems: LeaseProblem[] = [];
  for (const record of records) {
    const parsed = parseLease(record);
    if (isLeaseProblem(parsed)) problems.push(parsed);
    else leases.push(parsed);
  }
  return { leases, problems };
}
