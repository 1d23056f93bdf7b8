const HEX = Array.from(
  { length: 256 },
  (_, value) => value.toString(16).padStart(2, "0"),
);

/** Text of a link-layer address: lower-case hexadecimal with colons. */
export function macText(
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length,
): string {
  const parts: string[] = [];
  for (const byte of bytes.subarray(offset, offset + length)) {
    parts.push(HEX[byte] ?? "");
  }
  return parts.join(":");
}

const MAC_LENGTH = 6;

/** Value of a hexadecimal digit by its character code, or -1. */
function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/**
 * Writes the six bytes of an Ethernet address such as `0a:58:0a:05:01:01` into
 * a list, from a place on. By hand, since an agent writes thousands at a time.
 *
 * @throws {SyntaxError} When the text is not six octets with colons.
 */
export function writeMac(
  text: string,
  list: number[] | Uint8Array,
  at: number,
): void {
  let isSound = text.length === 3 * MAC_LENGTH - 1;
  for (let i = 0; isSound && i < MAC_LENGTH; i++) {
    const high = digit(text.charCodeAt(3 * i));
    const low = digit(text.charCodeAt(3 * i + 1));
    isSound = high >= 0 && low >= 0 &&
      (i === MAC_LENGTH - 1 || text.charCodeAt(3 * i + 2) === 0x3a);
    list[at + i] = high << 4 | low;
  }
  if (isSound) return;
  throw new SyntaxError(
    `Cannot parse MAC address: expected "aa:bb:cc:dd:ee:ff", got "${text}"`,
  );
}

/**
 * Bytes of an Ethernet address such as `0a:58:0a:05:01:01`.
 *
 * @throws {SyntaxError} When the text is not six octets with colons.
 */
export function macBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(MAC_LENGTH);
  writeMac(text, bytes, 0);
  return bytes;
}
