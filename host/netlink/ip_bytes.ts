/**
 * Bytes of an IP address: 4 for IPv4, 16 for IPv6. Written out by hand because
 * an agent encodes ten thousand addresses in one pass.
 *
 * @param text `10.5.1.1` without leading zeros, or any form of RFC 4291 §2.2;
 * no prefix length and no zone.
 * @throws {SyntaxError} When the text is not an address.
 */
export function ipBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = text.includes(":") ? ip6Bytes(text) : ip4Bytes(text);
  if (bytes === null) fail(text);
  return bytes;
}

function fail(text: string): never {
  throw new SyntaxError(
    `Cannot parse IP address: expected IPv4 or IPv6, got "${text}"`,
  );
}

/**
 * Writes an address's bytes into a list, from a place on.
 *
 * @param end Where the address ends in the text. @default the text's end
 * @returns how many bytes: 4 or 16
 * @throws {SyntaxError} When the text is not an address.
 */
export function writeIp(
  text: string,
  list: number[],
  at: number,
  end = text.length,
): number {
  if (text.includes(":")) {
    const bytes = ip6Bytes(text.slice(0, end));
    if (bytes === null) fail(text);
    for (const byte of bytes) list[at++] = byte;
    return bytes.length;
  }
  if (!writeIp4(text, end, list, at)) fail(text);
  return 4;
}

/** Address and length of a CIDR, such as `10.5.1.0/24`. */
export interface PrefixBytes {
  readonly address: Uint8Array<ArrayBuffer>;
  /** 0 to 32, or 0 to 128. */
  readonly length: number;
}

/**
 * Bytes of a CIDR; an address without length is a host prefix.
 *
 * @throws {SyntaxError} When the text is not a CIDR.
 */
export function prefixBytes(text: string): PrefixBytes {
  const slash = text.indexOf("/");
  if (slash < 0) {
    const address = ipBytes(text);
    return { address, length: address.length * 8 };
  }
  const address = ipBytes(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  const length = Number(digits);
  if (!/^\d{1,3}$/.test(digits) || length > address.length * 8) {
    throw new SyntaxError(
      `Cannot parse CIDR: expected a length up to ${
        address.length * 8
      }, got "${text}"`,
    );
  }
  return { address, length };
}

function ip4Bytes(text: string): Uint8Array<ArrayBuffer> | null {
  const bytes = new Uint8Array(4);
  return writeIp4(text, text.length, bytes, 0) ? bytes : null;
}

/** False when it is no IPv4 address; some of it may be written by then. */
function writeIp4(
  text: string,
  end: number,
  list: number[] | Uint8Array,
  at: number,
): boolean {
  let octet = 0;
  let digits = 0;
  let index = 0;
  for (let i = 0; i <= end; i++) {
    const code = i < end ? text.charCodeAt(i) : 0x2e;
    if (code === 0x2e) {
      if (digits === 0 || index > 3) return false;
      list[at + index++] = octet;
      octet = 0;
      digits = 0;
      continue;
    }
    if (code < 0x30 || code > 0x39) return false;
    if (digits > 0 && octet === 0) return false;
    octet = octet * 10 + code - 0x30;
    if (octet > 255) return false;
    digits++;
  }
  return index === 4;
}

function ip6Bytes(text: string): Uint8Array<ArrayBuffer> | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = groupsOf(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? "", true) : [];
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 2 ? missing < 2 : missing !== 0) return null;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** Bytes of colon-separated groups; only the last may be dotted, if allowed. */
function groupsOf(text: string, dottedTail: boolean): number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (dottedTail && index === groups.length - 1 && group.includes(".")) {
      const dotted = ip4Bytes(group);
      if (dotted === null) return null;
      bytes.push(...dotted);
    } else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else {
      return null;
    }
  }
  return bytes;
}
