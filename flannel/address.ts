/**
 * IPv4 and IPv6 addresses as text and as integers.
 *
 * Parsed here and not by `npm:ip-num`: 5,000 leases took it 15 to 30 ms
 * (IPv4) and 55 to 115 ms (IPv6), and it lets a zone (`fe80::1%eth0`) pass,
 * which Go's net.ParseIP, and so flannel, does not. The tests hold these
 * functions against ip-num on random addresses.
 *
 * @module
 */

/**
 * An IPv4 address in dotted notation as an unsigned 32-bit integer, or null.
 * Rules of Go's net.ParseIP: four decimal octets, no leading zero, no space.
 */
export function parseIpv4(text: string): number | null {
  if (text.length > 15) return null;
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) {
      if (octet < 0 || ++dots > 3) return null;
      value = value * 256 + octet;
      octet = -1;
    } else if (c >= 48 && c <= 57) {
      if (octet === 0) return null;
      octet = (octet < 0 ? 0 : octet * 10) + c - 48;
      if (octet > 255) return null;
    } else return null;
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : null;
}

/** Sixteen-bit groups of one side of `::`, or null. */
function parseGroups(text: string, last: boolean): number[] | null {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (last && index === parts.length - 1 && part.includes(".")) {
      const v4 = parseIpv4(part);
      if (v4 === null) return null;
      groups.push(v4 >>> 16, v4 & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
      groups.push(parseInt(part, 16));
    }
  }
  return groups;
}

/**
 * An IPv6 address (RFC 4291 section 2.2, embedded IPv4 included, no zone) as
 * an integer, or null.
 */
export function parseIpv6(text: string): bigint | null {
  if (text.length > 45) return null;
  const gap = text.indexOf("::");
  let groups: number[];
  if (gap < 0) {
    const all = parseGroups(text, true);
    if (all === null || all.length !== 8) return null;
    groups = all;
  } else {
    const head = parseGroups(text.slice(0, gap), false);
    const tail = parseGroups(text.slice(gap + 2), true);
    if (head === null || tail === null) return null;
    const zeros = 8 - head.length - tail.length;
    if (zeros < 1) return null;
    groups = [...head, ...new Array<number>(zeros).fill(0), ...tail];
  }
  let value = 0n;
  for (let i = 0; i < 8; i += 2) {
    const word = groups[i]! * 0x10000 + groups[i + 1]!;
    value = (value << 32n) | BigInt(word);
  }
  return value;
}

/** Dotted notation of an unsigned 32-bit integer. */
export function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${
    value & 255
  }`;
}

/**
 * Canonical text of an IPv6 address, RFC 5952: lower case, the longest run of
 * two or more zero groups as `::`, IPv4-mapped addresses with a dotted tail.
 */
export function formatIpv6(value: bigint): string {
  if (value >> 32n === 0xffffn) {
    return `::ffff:${formatIpv4(Number(value & 0xffffffffn))}`;
  }
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) {
    groups.push(Number((value >> shift) & 0xffffn));
  }
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
    if (end > i) i = end;
  }
  const hex = (part: number[]) => part.map((g) => g.toString(16)).join(":");
  if (start < 0) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

/** Canonical text of an address of either family, or null if it is none. */
export function canonicalAddress(text: string): string | null {
  const v4 = parseIpv4(text);
  if (v4 !== null) return formatIpv4(v4);
  const v6 = parseIpv6(text);
  return v6 === null ? null : formatIpv6(v6);
}

/** Family of an address in text, or null if it is none. */
export function familyOf(text: string): 4 | 6 | null {
  if (parseIpv4(text) !== null) return 4;
  return parseIpv6(text) !== null ? 6 : null;
}
