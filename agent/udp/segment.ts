/**
 * Cuts the large packets that the kernel hands over with segmentation
 * offloads (TSO, USO) into ordinary ones, each with its own headers and
 * checksums. Payload stays where it is: only headers are written.
 *
 * @module
 */
import { fold, sumWords } from "./checksum.ts";
import { headerLength, pseudoSum } from "./ip_header.ts";
import type { PacketMemory } from "./packet_memory.ts";

/** Octets that the headers of a segment may take: two times 60, rounded up. */
export const HEADER_ROOM = 128;

const UDP_HEADER = 8;
const TCP_HEADER = 20;
/** Flags in the last octet: these belong to the last segment, */
const FIN_PSH = 0x09;
/** and "congestion window reduced" to the first. */
const CWR = 0x80;

/** Where segments go. */
export interface SegmentSink {
  /** Memory of packets and headers alike. */
  readonly memory: PacketMemory;
  /** Room for one packet's headers, a multiple of four. */
  reserve(): number;
  /** Takes a packet of two parts, which must stay until it is sent. */
  append(
    publicIP: number,
    head: number,
    headLength: number,
    body: number,
    bodyLength: number,
  ): void;
}

/**
 * Cuts a TCP packet, as `tcp_gso_segment()` of the kernel does: sequence
 * numbers and IP identifications count on, FIN and PSH are on the last segment
 * alone, CWR on the first alone.
 *
 * @param at IP header, a multiple of four.
 * @param length Octets of the packet.
 * @param size Payload of each segment but the last.
 * @returns Whether it is such a packet; nothing was sent when not
 */
export function segmentTcp(
  sink: SegmentSink,
  publicIP: number,
  at: number,
  length: number,
  size: number,
): boolean {
  const { memory } = sink;
  const { u8, u16, i32 } = memory;
  const ip = headerLength(u8, at);
  const tcp = at + ip;
  if (length < ip + TCP_HEADER) return false;
  const headers = ip + (u8[tcp + 12]! >> 4 << 2);
  if (headers < ip + TCP_HEADER || headers >= length || size === 0) {
    return false;
  }
  const sequence = swap32(i32[(tcp + 4) >> 2]!);
  const flags = u8[tcp + 13]!;
  // What differs between segments is zero while the rest is summed.
  i32[(tcp + 4) >> 2] = 0;
  u8[tcp + 13] = 0;
  u16[(tcp + 16) >> 1] = 0;
  const base = pseudoSum(memory, at, 0) + sumWords(memory, tcp, headers - ip);
  const ipBase = clearIpHeader(memory, at, ip);
  const end = at + length;
  let index = 0;
  for (let body = at + headers; body < end; body += size, index++) {
    const octets = Math.min(size, end - body);
    const head = sink.reserve();
    copyWords(i32, at, head, headers);
    writeIpHeader(memory, head, headers + octets, index, ipBase);
    const start = head + ip;
    const number = swap32(sequence + index * size);
    let mine = flags;
    if (body + octets < end) mine &= ~FIN_PSH;
    if (index > 0) mine &= ~CWR;
    i32[(start + 4) >> 2] = number;
    u8[start + 13] = mine;
    const sum = base + (number & 0xffff) + (number >>> 16) + (mine << 8) +
      swap16(headers - ip + octets) + sumWords(memory, body, octets);
    // The payload's first octet is at an even distance from the header's.
    u16[(start + 16) >> 1] = ~fold(sum);
    sink.append(publicIP, head, headers, body, octets);
  }
  return true;
}

/**
 * Cuts what one `UDP_SEGMENT` send of a container holds into its datagrams.
 * Parameters as {@linkcode segmentTcp}.
 */
export function segmentUdp(
  sink: SegmentSink,
  publicIP: number,
  at: number,
  length: number,
  size: number,
): boolean {
  const { memory } = sink;
  const { u8, u16, i32 } = memory;
  const ip = headerLength(u8, at);
  const headers = ip + UDP_HEADER;
  if (headers >= length || size === 0) return false;
  const udp = at + ip;
  u16[(udp + 4) >> 1] = 0;
  u16[(udp + 6) >> 1] = 0;
  const base = pseudoSum(memory, at, 0) + sumWords(memory, udp, UDP_HEADER);
  const ipBase = clearIpHeader(memory, at, ip);
  const end = at + length;
  let index = 0;
  for (let body = at + headers; body < end; body += size, index++) {
    const octets = Math.min(size, end - body);
    const head = sink.reserve();
    copyWords(i32, at, head, headers);
    writeIpHeader(memory, head, headers + octets, index, ipBase);
    const start = head + ip;
    const field = swap16(UDP_HEADER + octets);
    // The length counts twice: in the pseudo-header and in the header.
    const sum = fold(base + 2 * field + sumWords(memory, body, octets));
    u16[(start + 4) >> 1] = field;
    // Zero would mean that there is no checksum.
    u16[(start + 6) >> 1] = sum === 0xffff ? 0xffff : ~sum;
    sink.append(publicIP, head, headers, body, octets);
  }
  return true;
}

/**
 * Completes a checksum that the kernel only began
 * (`VIRTIO_NET_HDR_F_NEEDS_CSUM`): the field holds the pseudo-header's sum.
 *
 * @param start Where summing begins, counted from `at`.
 * @param field Where the checksum is, counted from there; even.
 * @returns False when the field is not inside the packet
 */
export function completeChecksum(
  memory: PacketMemory,
  at: number,
  length: number,
  start: number,
  field: number,
): boolean {
  if (start + field + 2 > length) return false;
  const from = at + start;
  const sum = sumWords(memory, from, length - start);
  const checksum = sum === 0xffff ? 0xffff : ~sum & 0xffff;
  // As octets, since nobody promises that the place is even.
  memory.u8[from + field] = checksum;
  memory.u8[from + field + 1] = checksum >> 8;
  return true;
}

/** Sum of an IP header whose length, identification and checksum are none. */
function clearIpHeader(
  memory: PacketMemory,
  at: number,
  length: number,
): number {
  memory.u16[(at + 2) >> 1] = 0;
  memory.u16[(at + 10) >> 1] = 0;
  return sumWords(memory, at, length) +
    (~memory.u16[(at + 4) >> 1]! & 0xffff);
}

function writeIpHeader(
  { u16 }: PacketMemory,
  at: number,
  length: number,
  index: number,
  base: number,
): void {
  const first = u16[(at + 4) >> 1]!;
  const id = swap16((swap16(first) + index) & 0xffff);
  const total = swap16(length);
  u16[(at + 2) >> 1] = total;
  u16[(at + 4) >> 1] = id;
  u16[(at + 10) >> 1] = ~fold(base + total + id);
}

function copyWords(
  i32: Int32Array,
  from: number,
  to: number,
  octets: number,
): void {
  const source = from >> 2;
  const target = to >> 2;
  for (let word = 0; word < octets >> 2; word++) {
    i32[target + word] = i32[source + word]!;
  }
}

function swap16(value: number): number {
  return (value & 0xff) << 8 | (value >> 8) & 0xff;
}

function swap32(value: number): number {
  return value << 24 | (value & 0xff00) << 8 | (value >>> 8) & 0xff00 |
    value >>> 24;
}
