/**
 * Matches that are kept as text and whose answer is known all the same.
 *
 * @module
 */
import { typeTextAnswer } from "./address_type.ts";
import { type Answer, listedWords, negated } from "./answer.ts";
import { frameAnswer } from "./frame_match.ts";
import type { PacketClass } from "./packet_class.ts";
import { portAnswer } from "./port_match.ts";
import { protocolNumber } from "./protocols.ts";

/**
 * Texts of matches that take a part of the packets for certain: ports, message
 * types, flags, chance. They are asked of classes of any port.
 */
const PARTIAL =
  /^(-m (tcp|udp|sctp|dccp|udplite|icmp|icmp6|multiport|statistic|length) |--(dport|sport|dports|sports|icmp-type)|(tcp|udp|th|sctp|dccp|udplite|icmp|icmpv6) )/;

/** Whether a text asks for something that only IP packets have. */
export function asksForIpText(text: string): boolean {
  return PARTIAL.test(text) || /^(ip6? |meta l4proto )/.test(text);
}

/** `meta l4proto { tcp, udp }`: several, or none of them. */
function protocolAnswer(
  text: string,
  { protocol, source }: PacketClass,
): Answer | undefined {
  const found = /^(meta l4proto|ip protocol|ip6 nexthdr) (!= )?(\{.*\}|[\w-]+)$/
    .exec(text);
  if (found === null) return undefined;
  const [, field = "", not, words = ""] = found;
  const family = source[0]?.includes(":") ? "ip6 nexthdr" : "ip protocol";
  if (field !== "meta l4proto" && field !== family) return "no";
  if (protocol === undefined) return "some";
  const asked = listedWords(words).map(protocolNumber);
  const own = protocolNumber(protocol);
  if (own !== null && asked.includes(own)) {
    return negated("yes", not !== undefined);
  }
  const isKnown = own !== null && !asked.includes(null);
  return isKnown ? negated("no", not !== undefined) : "maybe";
}

/** How the wire brought a packet: what is routed was sent to this host. */
function packetTypeAnswer(
  text: string,
  { frame }: PacketClass,
): Answer | undefined {
  const found =
    /^(?:-m pkttype (! )?--pkt-type|meta pkttype)( !=)? (\{.*\}|\w+)$/
      .exec(text);
  if (found === null || frame !== undefined) return undefined;
  const asked = listedWords(found[3]!);
  const isHost = asked.includes("unicast") || asked.includes("host");
  const not = (found[1] ?? found[2]) !== undefined;
  return negated(isHost ? "yes" : "no", not);
}

/**
 * Later fragments. The tunnel's device leaves room for its header, so that it
 * sends none, and conntrack puts others together before all rules.
 */
function fragmentAnswer(
  text: string,
  { frame, port }: PacketClass,
): Answer | undefined {
  const found = /^(?:(! )?-f|ip frag-off & 8191 (!=|==) 0)$/.exec(text);
  if (found === null || frame !== undefined) return undefined;
  if (port === undefined) return "some";
  return negated("no", found[1] !== undefined || found[2] === "==");
}

/** The fewest bytes that a tunnel sends: IP and UDP, and IP inside. */
const FEWEST = 48;

/** `-m length --length 0:28`; of what is longer, a part is. */
function lengthAnswer(text: string, packets: PacketClass): Answer | undefined {
  const found = /^-m length (! )?--length (\d+)(?::(\d+))?$/.exec(text);
  if (found === null || packets.port === undefined) return undefined;
  const [, not, first, last] = found;
  if (Number(last ?? first) >= FEWEST) return "some";
  return negated("no", not !== undefined);
}

function bridgedAnswer(
  text: string,
  { inDevice, outDevice }: PacketClass,
): Answer | undefined {
  const found = /^-m physdev (! )?--physdev-is-bridged$/.exec(text);
  if (found === null || inDevice === undefined || outDevice === undefined) {
    return undefined;
  }
  if (inDevice === outDevice) return undefined;
  return negated("no", found[1] !== undefined);
}

/** nft's JSON has true for `exists` and false for `missing`. */
const NFT_REVERSE_PATH =
  /^fib saddr(?: \. mark)?(?: \. iif)? oif (!= )?(true|exists|false|missing|0)$/;

const IPTABLES_REVERSE_PATH =
  /^-m rpfilter(?: --(?:loose|validmark|accept-local))*( --invert)?$/;

/**
 * Of a reverse path filter: the tunnel's packets come in by the device that
 * leads back to their sender. Where routes say otherwise, FD702 and the checks
 * of routes have the word.
 */
function reversePathAnswer(
  text: string,
  { inDevice, port, frame }: PacketClass,
): Answer | undefined {
  if (port === undefined || frame !== undefined) return undefined;
  if (typeof inDevice !== "string") return undefined;
  const iptables = IPTABLES_REVERSE_PATH.exec(text);
  if (iptables !== null) return negated("yes", iptables[1] !== undefined);
  const nft = NFT_REVERSE_PATH.exec(text);
  if (nft === null) return undefined;
  const exists = nft[2] === "true" || nft[2] === "exists";
  return negated(exists ? "yes" : "no", nft[1] !== undefined);
}

/** A port of another protocol than the packets'. */
function isForeignPort(text: string, { protocol }: PacketClass): boolean {
  const found = /^(tcp|udp|sctp|dccp|udplite) /.exec(text);
  return found !== null && protocol !== undefined &&
    protocolNumber(protocol) !== protocolNumber(found[1]!);
}

/** How much of a class a match takes that is kept as text. */
export function textAnswer(text: string, packets: PacketClass): Answer {
  const { frame, port, sourcePort } = packets;
  if (isForeignPort(text, packets)) return "no";
  return (frame && frameAnswer(text, frame, packets)) ??
    (port === undefined ? undefined : portAnswer(text, port, sourcePort)) ??
    protocolAnswer(text, packets) ??
    packetTypeAnswer(text, packets) ??
    typeTextAnswer(text, packets) ??
    fragmentAnswer(text, packets) ??
    lengthAnswer(text, packets) ??
    reversePathAnswer(text, packets) ??
    bridgedAnswer(text, packets) ??
    (PARTIAL.test(text) ? "some" : "maybe");
}
