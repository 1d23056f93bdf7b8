/**
 * The IPv4 header in packet memory, RFC 791.
 *
 * @module
 */
import { fold, sumWords } from "./checksum.ts";
import type { PacketMemory } from "./packet_memory.ts";

/** Octets of a header without options. */
export const IPV4_HEADER = 20;

/** Protocol numbers. */
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 } as const;

/**
 * Octets of the IPv4 packet at `at`, or 0 when those of `length` that are
 * there are none: another version, a header cut short, or a packet cut short.
 * Octets behind the packet are not part of it.
 */
export function ipv4Length(
  { u8 }: PacketMemory,
  at: number,
  length: number,
): number {
  if (length < IPV4_HEADER || u8[at]! >> 4 !== 4) return 0;
  const header = headerLength(u8, at);
  const total = u8[at + 2]! << 8 | u8[at + 3]!;
  return header >= IPV4_HEADER && header <= total && total <= length
    ? total
    : 0;
}

/** Octets of the header at `at`. */
export function headerLength(u8: Uint8Array, at: number): number {
  return (u8[at]! & 15) << 2;
}

/** Source or destination as an unsigned 32-bit integer. */
export function addressAt(u8: Uint8Array, at: number): number {
  return (u8[at]! << 24 | u8[at + 1]! << 16 | u8[at + 2]! << 8 |
    u8[at + 3]!) >>>
    0;
}

/**
 * Takes one off the packet's time to live and patches the checksum, RFC 1624.
 *
 * @returns False when the packet must go no further; it is as it was then.
 */
export function decrementTtl(u8: Uint8Array, at: number): boolean {
  const ttl = u8[at + 8]!;
  if (ttl <= 1) return false;
  u8[at + 8] = ttl - 1;
  // The word that holds the TTL in its upper half is less by 0x0100, and so
  // the checksum more; a carry comes back in at the lower end.
  const sum = (u8[at + 10]! << 8 | u8[at + 11]!) + 0x0100;
  const checksum = sum >= 0xffff ? sum + 1 : sum;
  u8[at + 10] = checksum >> 8;
  u8[at + 11] = checksum;
  return true;
}

/** Writes the checksum of the header at `at`, a multiple of two. */
export function writeHeaderChecksum(memory: PacketMemory, at: number): void {
  const word = (at + 10) >> 1;
  memory.u16[word] = 0;
  const sum = sumWords(memory, at, headerLength(memory.u8, at));
  memory.u16[word] = ~sum;
}

/**
 * Sum of the pseudo-header that TCP and UDP checksums begin with: addresses,
 * protocol and length. As {@linkcode sumWords} counts, little-endian.
 *
 * @param at The IP header, at any address.
 * @param length Octets of the transport header and what follows it.
 */
export function pseudoSum(
  memory: PacketMemory,
  at: number,
  length: number,
): number {
  return fold(
    sumWords(memory, at + 12, 8) + (memory.u8[at + 9]! << 8) +
      ((length & 0xff) << 8) + (length >> 8),
  );
}
