import type { Family } from "../../flannel/kernel.ts";
import { AF_INET, AF_INET6 } from "./constants.ts";

/** Family of an address family number, or null for neither IPv4 nor IPv6. */
export function familyOf(addressFamily: number): Family | null {
  if (addressFamily === AF_INET) return 4;
  return addressFamily === AF_INET6 ? 6 : null;
}

/** Address family number of a family. */
export function addressFamilyOf(family: Family): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/**
 * Text of an address of 4 or 16 bytes; IPv6 in the canonical form of RFC 5952
 * (lower case, the first longest run of two or more zero groups shortened,
 * IPv4-mapped addresses with a dotted tail).
 *
 * @param length 4 or 16.
 * @throws {RangeError} When the length is neither or the bytes are too short.
 */
export function ipText(
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length,
): string {
  if ((length !== 4 && length !== 16) || offset + length > bytes.length) {
    throw new RangeError(
      `Cannot print IP address: expected 4 or 16 bytes, got ${length}`,
    );
  }
  return length === 4 ? ip4Text(bytes, offset) : ip6Text(bytes, offset);
}

function ip4Text(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function ip6Text(bytes: Uint8Array, at: number): string {
  const groups: number[] = [];
  for (let i = at; i < at + 16; i += 2) {
    groups.push((bytes[i] ?? 0) << 8 | (bytes[i + 1] ?? 0));
  }
  const mapped = groups[5] === 0xffff &&
    groups.slice(0, 5).every((group) => group === 0);
  if (mapped) return `::ffff:${ip4Text(bytes, at + 12)}`;
  const [start, length] = longestZeroRun(groups);
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function hex(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(":");
}

function longestZeroRun(groups: readonly number[]): [number, number] {
  let best: [number, number] = [0, 0];
  let run = 0;
  for (const [index, group] of groups.entries()) {
    run = group === 0 ? run + 1 : 0;
    if (run > best[1]) best = [index - run + 1, run];
  }
  return best;
}
