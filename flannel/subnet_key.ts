/**
 * Subnet keys: the last part of `{prefix}/subnets/{key}`.
 *
 * @module
 */
import { formatIpv6, parseIpv4, parseIpv6 } from "./address.ts";
import {
  formatCidr,
  type Ipv4Cidr,
  ipv4Cidr,
  type Ipv6Cidr,
  ipv6Cidr,
  parseCidr,
} from "./cidr.ts";

/** The subnets a key names; IPv4 is null in a network without IPv4. */
export interface SubnetKey {
  readonly ipv4: Ipv4Cidr | null;
  readonly ipv6: Ipv6Cidr | null;
}

const KEY = /^([\d.]+)-(\d{1,2})(?:&([a-fA-F\d:.]+)-(\d{1,3}))?$/;

/** Lengths flannel can store: five bits and seven bits. */
const MAX_IPV4_LENGTH = 31;
const MAX_IPV6_LENGTH = 127;

function fail(key: string, why: string): never {
  throw new SyntaxError(`Cannot parse subnet key: ${why}, got "${key}"`);
}

/**
 * Parses `10.5.34.0-24`, `10.5.34.0-24&fd00:12:13::-64` or, in a network
 * without IPv4, `0.0.0.0-0&fd00::-64`. Stricter than flannel's unanchored
 * expression: text around the key and host bits are refused, since no flannel
 * writes them and the kernel takes no such route. Throws a SyntaxError.
 *
 * Source: flannel v0.28.9 pkg/subnet/subnet.go ParseSubnetKey.
 */
export function parseSubnetKey(key: string): SubnetKey {
  const match = KEY.exec(key);
  if (match === null) {
    fail(key, 'expected "A.B.C.D-LEN" or "A.B.C.D-LEN&V6-LEN"');
  }
  const address = parseIpv4(match[1]!);
  if (address === null) fail(key, "expected an IPv4 address before -");
  const length = Number(match[2]);
  if (length > MAX_IPV4_LENGTH) {
    fail(key, `expected a length up to ${MAX_IPV4_LENGTH}`);
  }
  const ipv4 = ipv4Cidr(address, length);
  if (ipv4.start !== address) {
    fail(key, `expected the network address of ${formatCidr(ipv4)}`);
  }
  const ipv6 = match[3] === undefined
    ? null
    : parseIpv6Part(key, match[3], Number(match[4]));
  const none = address === 0 && length === 0;
  if (none && ipv6 === null) fail(key, "expected a subnet");
  return { ipv4: none ? null : ipv4, ipv6 };
}

function parseIpv6Part(key: string, text: string, length: number): Ipv6Cidr {
  const address = parseIpv6(text);
  if (address === null) fail(key, "expected an IPv6 address after &");
  if (length > MAX_IPV6_LENGTH) {
    fail(key, `expected an IPv6 length up to ${MAX_IPV6_LENGTH}`);
  }
  const ipv6 = ipv6Cidr(address, length);
  if (ipv6.start !== address) {
    fail(key, `expected the network address of ${formatCidr(ipv6)}`);
  }
  return ipv6;
}

/** The key of one or two subnets given as CIDR text. */
export function formatSubnetKey(
  subnet: string | null,
  ipv6Subnet: string | null,
): string {
  if (subnet === null && ipv6Subnet === null) {
    throw new TypeError("Cannot make a subnet key: expected a subnet");
  }
  const v4 = subnet === null ? "0.0.0.0-0" : subnet.replace("/", "-");
  if (ipv6Subnet === null) return v4;
  const v6 = parseCidr(ipv6Subnet);
  return `${v4}&${formatIpv6(BigInt(v6.start))}-${v6.prefixLength}`;
}
