/**
 * The Internet checksum, RFC 1071, over little-endian words: the sum of a
 * one's complement addition is the same in either byte order, only stored
 * swapped, so that nothing is swapped per word here.
 *
 * @module
 */
import type { PacketMemory } from "./packet_memory.ts";

/**
 * The one's complement sum of octets as 16-bit little-endian words, not yet
 * complemented. An octet left over counts as a word with a zero behind it.
 *
 * @param length At most 65,536: beyond, the sum of 32 bits could run over
 */
export function sumWords(
  memory: PacketMemory,
  start: number,
  length: number,
): number {
  if (length === 0) return 0;
  // Words at odd addresses: sum the ones beside them, and swap at the end.
  if ((start & 1) === 0) return fold(sumEven(memory, start, start + length));
  const first = memory.u8[start]! << 8;
  return swap(fold(first + sumEven(memory, start + 1, start + length)));
}

/** Sums from an even address to any end. */
function sumEven(memory: PacketMemory, start: number, end: number): number {
  const { u8, u16, i32 } = memory;
  let at = start;
  let sum = 0;
  if ((at & 2) !== 0) {
    if (at + 2 > end) return at < end ? u8[at]! : 0;
    sum = u16[at >> 1]!;
    at += 2;
  }
  let word = at >> 2;
  // The additions are paired so that the processor can do several at once.
  for (const last = (end >> 2) - 8; word <= last; word += 8) {
    const a = i32[word]!, b = i32[word + 1]!;
    const c = i32[word + 2]!, d = i32[word + 3]!;
    const e = i32[word + 4]!, f = i32[word + 5]!;
    const g = i32[word + 6]!, h = i32[word + 7]!;
    sum = (sum +
      (((a & 0xffff) + (b & 0xffff)) | 0) + (((a >>> 16) + (b >>> 16)) | 0) +
      (((c & 0xffff) + (d & 0xffff)) | 0) + (((c >>> 16) + (d >>> 16)) | 0) +
      (((e & 0xffff) + (f & 0xffff)) | 0) + (((e >>> 16) + (f >>> 16)) | 0) +
      (((g & 0xffff) + (h & 0xffff)) | 0) + (((g >>> 16) + (h >>> 16)) | 0)) |
      0;
  }
  at = word << 2;
  for (; at + 2 <= end; at += 2) sum = (sum + u16[at >> 1]!) | 0;
  return at < end ? sum + u8[at]! : sum;
}

/** Adds the carries of a sum below 2^32 in, until 16 bits are left. */
export function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** The other byte order of 16 bits. */
export function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
