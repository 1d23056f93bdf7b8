/**
 * ICMP "network unreachable" for packets that no peer carries.
 *
 * @module
 */
import { sumWords } from "./checksum.ts";
import {
  headerLength,
  IPV4_HEADER,
  PROTOCOL,
  writeHeaderChecksum,
} from "./ip_header.ts";
import type { PacketMemory } from "./packet_memory.ts";

const ICMP_HEADER = 8;
const DESTINATION_UNREACHABLE = 3;
const NETWORK = 0;
/** flannel's choice; the message goes no further than this host's containers. */
const TTL = 8;
/** Octets of the offender's payload that are sent back, RFC 792. */
const QUOTED = 8;

/** Room for the longest message: a header with all options is quoted. */
export const UNREACHABLE_ROOM = IPV4_HEADER + ICMP_HEADER + 60 + QUOTED;

/**
 * Writes the message that answers a packet, type 3 code 0.
 *
 * Source: flannel v0.28.9 pkg/backend/udp; RFC 792, RFC 1122 section 3.2.2.
 *
 * @param from Memory with a whole IPv4 packet at `at` of `length` octets.
 * @param to Memory for the message at `target`, a multiple of four.
 * @param source The tunnel's address, unsigned 32-bit.
 * @returns Octets written; 0 for packets that get no answer, which are ICMP
 * and all fragments but first ones
 */
export function writeUnreachable(
  from: PacketMemory,
  at: number,
  length: number,
  to: PacketMemory,
  target: number,
  source: number,
): number {
  const offset = (from.u8[at + 6]! & 0x1f) << 8 | from.u8[at + 7]!;
  if (from.u8[at + 9] === PROTOCOL.icmp || offset !== 0) return 0;
  const header = headerLength(from.u8, at);
  const quoted = Math.min(header + QUOTED, length);
  const total = IPV4_HEADER + ICMP_HEADER + quoted;
  const icmp = target + IPV4_HEADER;
  const { u8 } = to;
  u8.fill(0, target, target + total);
  u8[target] = 0x45;
  u8[target + 3] = total;
  u8[target + 8] = TTL;
  u8[target + 9] = PROTOCOL.icmp;
  for (let i = 0; i < 4; i++) {
    u8[target + 12 + i] = source >>> (24 - 8 * i);
    u8[target + 16 + i] = from.u8[at + 12 + i]!;
  }
  writeHeaderChecksum(to, target);
  u8[icmp] = DESTINATION_UNREACHABLE;
  u8[icmp + 1] = NETWORK;
  for (let i = 0; i < quoted; i++) {
    u8[icmp + ICMP_HEADER + i] = from.u8[at + i]!;
  }
  to.u16[(icmp + 2) >> 1] = ~sumWords(to, icmp, ICMP_HEADER + quoted);
  return total;
}
