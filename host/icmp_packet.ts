import type { Family } from "../flannel/kernel.ts";

/** Bytes of an echo request: header, 16 of nonce, 4 of position. */
export const ECHO_SIZE = 28;

const HEADER = 8;
const NONCE = 16;
/** Echo request and reply, RFC 792 and RFC 4443. */
const TYPES = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } };

/** What tells one probe's packets from everybody else's. */
export interface EchoIdentity {
  /** ICMP identifier, 16 bits. */
  readonly id: number;
  /** 16 random bytes, carried in every request. */
  readonly nonce: Uint8Array;
}

/**
 * Writes an echo request into 28 bytes. The sequence number is the position's
 * low 16 bits; the position itself is in the payload, so that there may be
 * more targets than sequence numbers.
 */
export function writeEcho(
  packet: Uint8Array<ArrayBuffer>,
  family: Family,
  identity: EchoIdentity,
  position: number,
): void {
  const view = new DataView(packet.buffer, packet.byteOffset, ECHO_SIZE);
  packet.fill(0, 0, ECHO_SIZE);
  view.setUint8(0, TYPES[family].request);
  view.setUint16(4, identity.id);
  view.setUint16(6, position & 0xffff);
  packet.set(identity.nonce, HEADER);
  view.setUint32(HEADER + NONCE, position);
  // The kernel fills in the checksum of ICMPv6, which covers addresses.
  if (family === 4) view.setUint16(2, checksum(view));
}

/**
 * Position in a reply to one of this probe's requests; null for anything else.
 *
 * @param packet As a raw socket gives it: with the IP header for IPv4 only.
 */
export function readEcho(
  packet: Uint8Array<ArrayBuffer>,
  family: Family,
  identity: EchoIdentity,
): number | null {
  const start = family === 4 ? 4 * ((packet[0] ?? 0) & 0x0f) : 0;
  if (packet.length < start + ECHO_SIZE) return null;
  const view = new DataView(
    packet.buffer,
    packet.byteOffset + start,
    ECHO_SIZE,
  );
  if (view.getUint8(0) !== TYPES[family].reply) return null;
  if (view.getUint8(1) !== 0 || view.getUint16(4) !== identity.id) return null;
  for (let i = 0; i < NONCE; i++) {
    if (view.getUint8(HEADER + i) !== identity.nonce[i]) return null;
  }
  const position = view.getUint32(HEADER + NONCE);
  return view.getUint16(6) === (position & 0xffff) ? position : null;
}

/** The Internet checksum, RFC 1071. */
function checksum(view: DataView): number {
  let sum = 0;
  for (let i = 0; i < view.byteLength; i += 2) sum += view.getUint16(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
