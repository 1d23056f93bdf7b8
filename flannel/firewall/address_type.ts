import { type Answer, anyOf, negated } from "./answer.ts";
import type { PacketClass } from "./packet_class.ts";
import type { Negatable } from "./rule.ts";

/** Which address of a packet is asked for. */
export type Side = "source" | "destination";

/** What the routing table says of an address: LOCAL, UNICAST, or not known. */
function typeOf(side: Side, packets: PacketClass): string | undefined {
  const { inDevice, outDevice, frame, port } = packets;
  // Containers' frames are told by the side they pass, and end elsewhere.
  if (frame !== undefined && port === undefined) return undefined;
  const device = side === "source" ? inDevice : outDevice;
  if (device === undefined) return undefined;
  return device === null || device === "lo" ? "LOCAL" : "UNICAST";
}

/** Types of addresses that are nobody's: packets of a network have none. */
const SPECIAL: ReadonlySet<string> = new Set([
  "BROADCAST",
  "ANYCAST",
  "MULTICAST",
]);

function oneAnswer(asked: string, side: Side, packets: PacketClass): Answer {
  const type = typeOf(side, packets);
  if (asked === "LOCAL") {
    if (type === undefined) return "maybe";
    return type === "LOCAL" ? "yes" : "no";
  }
  if (SPECIAL.has(asked) && type !== undefined) return "no";
  if (asked === "UNICAST" && type !== undefined) {
    return type === "UNICAST" ? "yes" : "no";
  }
  return "maybe";
}

/**
 * Address types are the routing table's word. A forwarded packet's source and
 * destination are not this host's own, and both are one host's; that much is
 * known without it. MULTICAST is told by the address, in `match_packets.ts`.
 */
export function typeAnswer(
  asked: Negatable<string> | undefined,
  side: Side,
  packets: PacketClass,
): Answer {
  if (asked === undefined || asked.value === "MULTICAST") return "yes";
  return negated(oneAnswer(asked.value, side, packets), asked.not);
}

const IPTABLES =
  /^-m addrtype (! )?--(src|dst)-type ([A-Z,]+)( --limit-iface-(?:in|out))?$/;

const NFT = /^fib ([sd])addr( \. [io]if)? type (!= )?(?:\{ (.*) \}|(\w+))$/;

/**
 * Of matches on types that are kept as text: several at once, or with a device.
 * Undefined for what asks anything else.
 */
export function typeTextAnswer(
  text: string,
  packets: PacketClass,
): Answer | undefined {
  const iptables = IPTABLES.exec(text);
  const nft = iptables === null ? NFT.exec(text) : null;
  if (iptables === null && nft === null) return undefined;
  const isSource = iptables?.[2] === "src" || nft?.[1] === "s";
  const types = iptables === null
    ? (nft![4] ?? nft![5]!).toUpperCase().split(", ")
    : iptables[3]!.split(",");
  const not = (iptables?.[1] ?? nft?.[3]) !== undefined;
  const side = isSource ? "source" : "destination";
  const answers = types.map((type) => oneAnswer(type, side, packets));
  // The tunnel's end is an address of the external interface; of others of
  // this host's nobody here knows whose they are.
  const isLimited = (iptables?.[4] ?? nft?.[2]) !== undefined;
  const isKnown = !isLimited || packets.port !== undefined ||
    typeOf(side, packets) !== "LOCAL";
  return isKnown ? negated(anyOf(answers), not) : "maybe";
}
