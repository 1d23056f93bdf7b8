/**
 * Sets of addresses of one family as sorted, disjoint, inclusive ranges.
 *
 * Rules are compiled to these once and then compared as integers: a Kubernetes
 * node has thousands of rules and a walk meets each of them.
 *
 * @module
 */
import { formatIpv4, formatIpv6 } from "../address.ts";
import { tryParseCidr } from "../cidr.ts";

/** An inclusive range of addresses. */
export type AddressRange = readonly [first: bigint, last: bigint];

/** Addresses of one family; ranges are sorted, disjoint and not adjacent. */
export interface AddressSet {
  readonly family: 4 | 6;
  readonly ranges: readonly AddressRange[];
}

/** Address bits of a family: 32 or 128. */
export function addressBits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

/** Every address of a family. */
export function fullSet(family: 4 | 6): AddressSet {
  const last = (1n << BigInt(addressBits(family))) - 1n;
  return { family, ranges: [[0n, last]] };
}

/** The set without addresses. */
export function emptySet(family: 4 | 6): AddressSet {
  return { family, ranges: [] };
}

/** Sorts ranges and joins those that touch. */
function normalise(
  family: 4 | 6,
  ranges: readonly AddressRange[],
): AddressSet {
  const sorted = [...ranges].sort((a, b) => a[0] < b[0] ? -1 : 1);
  const joined: [bigint, bigint][] = [];
  for (const [first, last] of sorted) {
    const previous = joined.at(-1);
    if (previous !== undefined && first <= previous[1] + 1n) {
      if (last > previous[1]) previous[1] = last;
    } else joined.push([first, last]);
  }
  return { family, ranges: joined };
}

/** Makes a set of ranges in any order. */
export function setOfRanges(
  family: 4 | 6,
  ranges: readonly AddressRange[],
): AddressSet {
  return normalise(family, ranges);
}

/**
 * The addresses of all CIDRs of one family in a list; CIDRs of the other
 * family add nothing.
 *
 * @throws {SyntaxError} when a text is not a CIDR
 */
export function setOfCidrs(
  family: 4 | 6,
  cidrs: readonly string[],
): AddressSet {
  const ranges: AddressRange[] = [];
  for (const text of cidrs) {
    const cidr = tryParseCidr(text);
    if (cidr === null) {
      throw new SyntaxError(`Cannot make address set: "${text}" is not a CIDR`);
    }
    if (cidr.family === family) {
      ranges.push([BigInt(cidr.start), BigInt(cidr.end)]);
    }
  }
  return normalise(family, ranges);
}

/** Addresses that are in either set. */
export function union(a: AddressSet, b: AddressSet): AddressSet {
  return normalise(a.family, [...a.ranges, ...b.ranges]);
}

/** Addresses that are in both sets. */
export function intersect(a: AddressSet, b: AddressSet): AddressSet {
  const ranges: AddressRange[] = [];
  let i = 0;
  let j = 0;
  while (i < a.ranges.length && j < b.ranges.length) {
    const [aFirst, aLast] = a.ranges[i]!;
    const [bFirst, bLast] = b.ranges[j]!;
    const first = aFirst > bFirst ? aFirst : bFirst;
    const last = aLast < bLast ? aLast : bLast;
    if (first <= last) ranges.push([first, last]);
    if (aLast < bLast) i++;
    else j++;
  }
  return { family: a.family, ranges };
}

/** Addresses of `a` that are not in `b`. */
export function subtract(a: AddressSet, b: AddressSet): AddressSet {
  const ranges: AddressRange[] = [];
  let j = 0;
  for (const [first, last] of a.ranges) {
    let at = first;
    while (j < b.ranges.length && b.ranges[j]![1] < at) j++;
    let k = j;
    while (k < b.ranges.length && b.ranges[k]![0] <= last) {
      const [bFirst, bLast] = b.ranges[k]!;
      if (bFirst > at) ranges.push([at, bFirst - 1n]);
      at = bLast + 1n;
      k++;
    }
    if (at <= last) ranges.push([at, last]);
  }
  return { family: a.family, ranges };
}

/** Every address of the family that is not in the set. */
export function complement(a: AddressSet): AddressSet {
  return subtract(fullSet(a.family), a);
}

/** Whether the set has no address. */
export function isEmpty(a: AddressSet): boolean {
  return a.ranges.length === 0;
}

/** Whether both sets have the same addresses. */
export function equalSets(a: AddressSet, b: AddressSet): boolean {
  return a.family === b.family && a.ranges.length === b.ranges.length &&
    a.ranges.every(([first, last], i) =>
      first === b.ranges[i]![0] && last === b.ranges[i]![1]
    );
}

/** Whether every address of `inner` is in `outer`. */
export function includes(outer: AddressSet, inner: AddressSet): boolean {
  return isEmpty(subtract(inner, outer));
}

/** Number of addresses. */
export function size(a: AddressSet): bigint {
  return a.ranges.reduce((sum, [first, last]) => sum + last - first + 1n, 0n);
}

/** Length of the longest block that starts at `first` and ends by `last`. */
function blockAt(first: bigint, last: bigint, bits: number): number {
  let host = 0;
  while (
    host < bits && (first & ((1n << BigInt(host + 1)) - 1n)) === 0n &&
    first + (1n << BigInt(host + 1)) - 1n <= last
  ) host++;
  return bits - host;
}

/** The fewest canonical CIDRs that make up the set, in order. */
export function toCidrs(a: AddressSet): string[] {
  const bits = addressBits(a.family);
  const cidrs: string[] = [];
  for (const [first, last] of a.ranges) {
    let at = first;
    while (at <= last) {
      const length = blockAt(at, last, bits);
      const text = a.family === 4 ? formatIpv4(Number(at)) : formatIpv6(at);
      cidrs.push(`${text}/${length}`);
      at += 1n << BigInt(bits - length);
    }
  }
  return cidrs;
}
