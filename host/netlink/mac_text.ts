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

/**
 * Bytes of an Ethernet address such as `0a:58:0a:05:01:01`.
 *
 * @throws {SyntaxError} When the text is not six octets with colons.
 */
export function macBytes(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    throw new SyntaxError(
      `Cannot parse MAC address: expected "aa:bb:cc:dd:ee:ff", got "${text}"`,
    );
  }
  const bytes = new Uint8Array(6);
  for (let i = 0; i < 6; i++) bytes[i] = parseInt(text.slice(i * 3), 16);
  return bytes;
}
