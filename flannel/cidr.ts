/**
 * CIDR blocks: parsed once to integers, then compared.
 *
 * @module
 */
import {
  canonicalAddress,
  formatIpv4,
  formatIpv6,
  parseIpv4,
  parseIpv6,
} from "./address.ts";

/** An IPv4 block; `start` and `end` are unsigned 32-bit, both inclusive. */
export interface Ipv4Cidr {
  readonly family: 4;
  readonly prefixLength: number;
  readonly start: number;
  readonly end: number;
}

/** An IPv6 block; `start` and `end` are both inclusive. */
export interface Ipv6Cidr {
  readonly family: 6;
  readonly prefixLength: number;
  readonly start: bigint;
  readonly end: bigint;
}

/** A CIDR block with its host bits masked off. */
export type Cidr = Ipv4Cidr | Ipv6Cidr;

/** The IPv4 block of `prefixLength` that holds `address`. */
export function ipv4Cidr(address: number, prefixLength: number): Ipv4Cidr {
  const size = 2 ** (32 - prefixLength);
  const start = Math.floor(address / size) * size;
  return { family: 4, prefixLength, start, end: start + size - 1 };
}

/** The IPv6 block of `prefixLength` that holds `address`. */
export function ipv6Cidr(address: bigint, prefixLength: number): Ipv6Cidr {
  const host = BigInt(128 - prefixLength);
  const start = (address >> host) << host;
  return { family: 6, prefixLength, start, end: start + (1n << host) - 1n };
}

/** A prefix length in plain decimal up to `limit`, or null. */
function parseLength(text: string, limit: number): number | null {
  if (!/^(0|[1-9][0-9]{0,2})$/.test(text)) return null;
  const length = Number(text);
  return length <= limit ? length : null;
}

/** The parts of `ADDRESS/LENGTH` before host bits are masked, or null. */
export function splitCidr(
  text: string,
): { readonly cidr: Cidr; readonly address: number | bigint } | null {
  const slash = text.indexOf("/");
  if (slash < 0) return null;
  const address = text.slice(0, slash);
  const tail = text.slice(slash + 1);
  const v4 = parseIpv4(address);
  if (v4 !== null) {
    const length = parseLength(tail, 32);
    return length === null ? null : { cidr: ipv4Cidr(v4, length), address: v4 };
  }
  const v6 = parseIpv6(address);
  if (v6 === null) return null;
  const length = parseLength(tail, 128);
  return length === null ? null : { cidr: ipv6Cidr(v6, length), address: v6 };
}

/**
 * A CIDR in text, host bits masked off, or null when it is not one. Rules of
 * Go's net.ParseCIDR: no leading zeros, no spaces, no zone, length required.
 */
export function tryParseCidr(text: string): Cidr | null {
  return splitCidr(text)?.cidr ?? null;
}

/** As {@linkcode tryParseCidr}, throws a SyntaxError when it is not one. */
export function parseCidr(text: string): Cidr {
  const cidr = tryParseCidr(text);
  if (cidr === null) {
    throw new SyntaxError(
      `Cannot parse CIDR: expected "ADDRESS/LENGTH", got "${text}"`,
    );
  }
  return cidr;
}

/** Text of an address of the block's family. */
function format(cidr: Cidr, address: number | bigint): string {
  return cidr.family === 4
    ? formatIpv4(Number(address))
    : formatIpv6(BigInt(address));
}

/** Canonical text such as `10.5.1.0/24` or `fd00::/64`. */
export function formatCidr(cidr: Cidr): string {
  return `${format(cidr, cidr.start)}/${cidr.prefixLength}`;
}

/** Canonical text of a CIDR in text, or null when it is not one. */
export function canonicalCidr(text: string): string | null {
  const cidr = tryParseCidr(text);
  return cidr === null ? null : formatCidr(cidr);
}

/** Whether every address of `inner` is in `outer`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
  return outer.family === inner.family && outer.start <= inner.start &&
    inner.end <= outer.end;
}

/** Whether the address in text is in the block. */
export function containsAddress(cidr: Cidr, address: string): boolean {
  const value = cidr.family === 4 ? parseIpv4(address) : parseIpv6(address);
  return value !== null && cidr.start <= value && value <= cidr.end;
}

/** Whether the blocks share an address. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.start <= b.end && b.start <= a.end;
}

/** Text of the block's address number `n`, counted from its first. */
export function addressAt(cidr: Cidr, n: number): string {
  return cidr.family === 4
    ? formatIpv4(cidr.start + n)
    : formatIpv6(cidr.start + BigInt(n));
}

/** The one-address block of an address in text, or null. */
export function hostCidr(address: string): Cidr | null {
  const v4 = parseIpv4(address);
  if (v4 !== null) return ipv4Cidr(v4, 32);
  const v6 = parseIpv6(address);
  return v6 === null ? null : ipv6Cidr(v6, 128);
}

/** Whether two addresses in text are the same, whatever their spelling. */
export function sameAddress(a: string | null, b: string | null): boolean {
  if (a === b) return true;
  if (a === null || b === null) return false;
  const v4 = parseIpv4(a);
  if (v4 !== null) return v4 === parseIpv4(b);
  const v6 = parseIpv6(a);
  return v6 === null ? canonicalAddress(b) === null : v6 === parseIpv6(b);
}
