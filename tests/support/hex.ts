/**
 * Bytes from hexadecimal text; blanks and line ends are free, and `#` starts a
 * comment that runs to the end of the line.
 */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replace(/#.*/g, "").replace(/\s+/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) {
    throw new SyntaxError(`Cannot parse bytes: got "${text}"`);
  }
  return Uint8Array.from(
    { length: digits.length / 2 },
    (_, index) => parseInt(digits.slice(2 * index, 2 * index + 2), 16),
  );
}

/** Hexadecimal text of bytes, in groups of four. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(
    bytes,
    (byte, index) =>
      (index % 4 === 0 && index > 0 ? " " : "") +
      byte.toString(16).padStart(2, "0"),
  ).join("");
}
