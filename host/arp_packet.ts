import { ipText } from "./netlink/ip_text.ts";
import { macText } from "./netlink/mac_text.ts";

/** Bytes of an ARP packet for IPv4 over Ethernet, RFC 826. */
export const ARP_SIZE = 28;

const ETHERNET = 1;
const IPV4 = 0x0800;
const REQUEST = 1;
const REPLY = 2;

/** An ARP reply's sender, as it says of itself. */
export interface ArpReply {
  readonly address: string;
  /** Lower-case hexadecimal with colons. */
  readonly mac: string;
}

/**
 * Writes an ARP request into 28 bytes, RFC 826: who has `target`, tell
 * `sender`. The target's hardware address is zero, being what is asked for.
 */
export function writeArpRequest(
  packet: Uint8Array<ArrayBuffer>,
  sender: { readonly mac: Uint8Array; readonly address: Uint8Array },
  target: Uint8Array,
): void {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  packet.fill(0, 0, ARP_SIZE);
  view.setUint16(0, ETHERNET);
  view.setUint16(2, IPV4);
  view.setUint8(4, 6);
  view.setUint8(5, 4);
  view.setUint16(6, REQUEST);
  packet.set(sender.mac, 8);
  packet.set(sender.address, 14);
  packet.set(target, 24);
}

/**
 * Reads an ARP reply meant for `receiver`; null for anything else: another
 * operation, other hardware or protocol sizes, a reply to someone else, a
 * truncated packet. A reply may be longer, being padded to Ethernet's minimum.
 *
 * @param receiver The address the requests were sent from.
 */
export function readArpReply(
  packet: Uint8Array<ArrayBuffer>,
  receiver: Uint8Array,
): ArpReply | null {
  if (packet.length < ARP_SIZE) return null;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  if (view.getUint16(0) !== ETHERNET || view.getUint16(2) !== IPV4) return null;
  if (view.getUint8(4) !== 6 || view.getUint8(5) !== 4) return null;
  if (view.getUint16(6) !== REPLY) return null;
  for (let i = 0; i < 4; i++) {
    if (packet[24 + i] !== receiver[i]) return null;
  }
  return { address: ipText(packet, 14, 4), mac: macText(packet, 8, 6) };
}
