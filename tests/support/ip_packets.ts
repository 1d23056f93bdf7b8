/**
 * IPv4 packets made and judged octet by octet, as plainly as RFC 791 and RFC
 * 1071 put it, so that faster code can be held against it.
 *
 * @module
 */

/** Members of a packet that tests care about. */
export interface PacketFields {
  /** @default "10.77.1.1" */
  readonly source?: string;
  /** @default "10.77.2.1" */
  readonly destination?: string;
  /** @default 64 */
  readonly ttl?: number;
  /** @default 0 */
  readonly tos?: number;
  /** Identification. @default 0x1234 */
  readonly id?: number;
  /** Flags and fragment offset; 0x4000 is "don't fragment". @default 0x4000 */
  readonly fragment?: number;
  /** Octets of options, a multiple of four. @default none */
  readonly options?: readonly number[];
}

/** A TCP segment's fields. */
export interface SegmentFields extends PacketFields {
  /** @default 40000 */
  readonly sourcePort?: number;
  /** @default 5201 */
  readonly destinationPort?: number;
  /** @default 1 */
  readonly sequence?: number;
  /** @default 77 */
  readonly acknowledgement?: number;
  /** Last octet of the flags. @default 0x10, ACK */
  readonly flags?: number;
  /** @default 512 */
  readonly window?: number;
  /** Octets, a multiple of four. @default timestamps, as Linux sends them */
  readonly tcpOptions?: readonly number[];
}

/** No operation twice, then timestamps. */
const TIMESTAMPS = [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 5];

/** A TCP packet with right checksums. */
export function tcpPacket(
  payload: Uint8Array,
  fields: SegmentFields = {},
): Uint8Array<ArrayBuffer> {
  const options = fields.tcpOptions ?? TIMESTAMPS;
  const header = 20 + options.length;
  const segment = new Uint8Array(header + payload.length);
  const view = new DataView(segment.buffer);
  view.setUint16(0, fields.sourcePort ?? 40000);
  view.setUint16(2, fields.destinationPort ?? 5201);
  view.setUint32(4, fields.sequence ?? 1);
  view.setUint32(8, fields.acknowledgement ?? 77);
  view.setUint8(12, header / 4 << 4);
  view.setUint8(13, fields.flags ?? 0x10);
  view.setUint16(14, fields.window ?? 512);
  segment.set(options, 20);
  segment.set(payload, header);
  const packet = ipPacket(6, segment, fields);
  return putChecksum(packet, 16);
}

/** A UDP packet with right checksums. */
export function udpPacket(
  payload: Uint8Array,
  fields: PacketFields = {},
): Uint8Array<ArrayBuffer> {
  const datagram = new Uint8Array(8 + payload.length);
  const view = new DataView(datagram.buffer);
  view.setUint16(0, 40000);
  view.setUint16(2, 5201);
  view.setUint16(4, datagram.length);
  datagram.set(payload, 8);
  return putChecksum(ipPacket(17, datagram, fields), 6);
}

/** A packet of any protocol; its content is taken as it is. */
export function ipPacket(
  protocol: number,
  content: Uint8Array,
  fields: PacketFields = {},
): Uint8Array<ArrayBuffer> {
  const options = fields.options ?? [];
  const header = 20 + options.length;
  const packet = new Uint8Array(header + content.length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x40 | header / 4);
  view.setUint8(1, fields.tos ?? 0);
  view.setUint16(2, packet.length);
  view.setUint16(4, fields.id ?? 0x1234);
  view.setUint16(6, fields.fragment ?? 0x4000);
  view.setUint8(8, fields.ttl ?? 64);
  view.setUint8(9, protocol);
  packet.set(octets(fields.source ?? "10.77.1.1"), 12);
  packet.set(octets(fields.destination ?? "10.77.2.1"), 16);
  packet.set(options, 20);
  packet.set(content, header);
  view.setUint16(10, ~plainSum(packet.subarray(0, header)) & 0xffff);
  return packet;
}

/** One's complement sum of 16-bit words in network order. */
export function plainSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i] ?? 0) * 256 + (bytes[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** What is wrong with a packet that should be whole; empty when nothing. */
export function packetFaults(packet: Uint8Array): string[] {
  const faults: string[] = [];
  const view = new DataView(packet.buffer, packet.byteOffset);
  const header = ((packet[0] ?? 0) & 15) * 4;
  if ((packet[0] ?? 0) >> 4 !== 4) faults.push("version");
  if (view.getUint16(2) !== packet.length) faults.push("length");
  if (plainSum(packet.subarray(0, header)) !== 0xffff) {
    faults.push("header checksum");
  }
  const fragment = (view.getUint16(6) & 0x3fff) !== 0;
  const protocol = packet[9];
  if (fragment || (protocol !== 6 && protocol !== 17)) return faults;
  if (protocol === 17 && view.getUint16(header + 6) === 0) return faults;
  if (
    protocol === 17 && view.getUint16(header + 4) !== packet.length - header
  ) {
    faults.push("UDP length");
  }
  if (transportSum(packet, header) !== 0xffff) {
    faults.push("transport checksum");
  }
  return faults;
}

/** Octets `n`, `n + 1`, … modulo 251, so that a shift is noticed. */
export function pattern(length: number, n = 0): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (n + index) % 251);
}

function putChecksum(packet: Uint8Array<ArrayBuffer>, field: number) {
  const header = ((packet[0] ?? 0) & 15) * 4;
  const checksum = ~transportSum(packet, header) & 0xffff;
  const view = new DataView(packet.buffer);
  view.setUint16(header + field, checksum === 0 ? 0xffff : checksum);
  return packet;
}

function transportSum(packet: Uint8Array, header: number): number {
  const length = packet.length - header;
  return plainSum(Uint8Array.of(
    ...packet.subarray(12, 20),
    0,
    packet[9] ?? 0,
    length >> 8,
    length & 255,
    ...packet.subarray(header),
  ));
}

function octets(address: string): number[] {
  return address.split(".").map(Number);
}
