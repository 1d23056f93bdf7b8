/**
 * Which packets of a box a rule takes.
 *
 * @module
 */
import {
  type AddressSet,
  complement,
  emptySet,
  fullSet,
  intersect,
  setOfCidrs,
} from "./address_set.ts";
import { typeAnswer } from "./address_type.ts";
import { allOf, type Answer, negated } from "./answer.ts";
import { type ConcatAnswer, concatAnswer } from "./concat_match.ts";
import {
  ANY_PROTOCOL,
  type PacketClass,
  type Piece,
  protocolBit,
  splitPiece,
} from "./packet_class.ts";
import type { Match, Negatable } from "./rule.ts";
import { asksForIpText, textAnswer } from "./text_match.ts";

/** A match with its addresses and protocols as sets, made once for a family. */
interface Compiled {
  readonly source: AddressSet;
  readonly destination: AddressSet;
  readonly protocols: bigint;
  /** A protocol whose name is unknown. */
  readonly unclear: boolean;
}

const MULTICAST = { 4: "224.0.0.0/4", 6: "ff00::/8" } as const;

/** nft leaves out the protocol that `tcp dport 80` implies. */
const IMPLIED_PROTOCOL = /^(tcp|udp|sctp|dccp|udplite|icmp|icmpv6) [a-z]/;

function addresses(
  family: 4 | 6,
  asked: Negatable<readonly string[]> | undefined,
): AddressSet {
  if (asked === undefined) return fullSet(family);
  const set = setOfCidrs(family, asked.value);
  const foreign = asked.value.length > 0 &&
    asked.value.every((cidr) => cidr.includes(":") !== (family === 6));
  // `ip6 saddr != …` asks for an IPv6 packet too.
  if (foreign) return emptySet(family);
  return asked.not ? complement(set) : set;
}

function withType(
  family: 4 | 6,
  set: AddressSet,
  asked: Negatable<string> | undefined,
): AddressSet {
  if (asked?.value !== "MULTICAST") return set;
  const multicast = setOfCidrs(family, [MULTICAST[family]]);
  return intersect(set, asked.not ? complement(multicast) : multicast);
}

function compile(match: Match, family: 4 | 6): Compiled {
  let protocols = ANY_PROTOCOL;
  let unclear = false;
  const asked = match.protocol;
  if (asked !== undefined) {
    const bit = protocolBit(asked.value);
    if (bit === null) unclear = true;
    else protocols = asked.not ? ANY_PROTOCOL & ~bit : bit;
  }
  for (const text of match.other) {
    const implied = IMPLIED_PROTOCOL.exec(text);
    if (implied !== null) protocols &= protocolBit(implied[1]!) ?? ANY_PROTOCOL;
  }
  const source = addresses(family, match.source);
  const destination = addresses(family, match.destination);
  return {
    source: withType(family, source, match.sourceType),
    destination: withType(family, destination, match.destinationType),
    protocols,
    unclear,
  };
}

const CACHES = {
  4: new WeakMap<Match, Compiled>(),
  6: new WeakMap<Match, Compiled>(),
};

function compiled(match: Match, family: 4 | 6): Compiled {
  let found = CACHES[family].get(match);
  if (found === undefined) {
    found = compile(match, family);
    CACHES[family].set(match, found);
  }
  return found;
}

/** Whether a pattern such as `veth+` takes a device. */
function takesDevice(patterns: readonly string[], device: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith("+")
      ? device.startsWith(pattern.slice(0, -1))
      : pattern === device
  );
}

/** The answer where a frame passes one of several devices. */
function anyDeviceAnswer(
  asked: Negatable<readonly string[]>,
  devices: readonly string[],
): Answer {
  const taken = devices.filter((device) => takesDevice(asked.value, device));
  if (taken.length === 0) return negated("no", asked.not);
  return taken.length === devices.length ? negated("yes", asked.not) : "some";
}

function deviceAnswer(
  asked: Negatable<readonly string[]> | undefined,
  device: string | null | undefined,
  devices?: readonly string[],
): Answer {
  if (asked === undefined) return "yes";
  if (device === undefined) {
    return devices === undefined ? "maybe" : anyDeviceAnswer(asked, devices);
  }
  const takes = takesDevice(asked.value, device ?? "");
  return negated(takes ? "yes" : "no", asked.not);
}

function stateAnswer(
  asked: Negatable<readonly string[]> | undefined,
  state: string,
  { untracked }: Piece,
): Answer {
  if (asked === undefined) return "yes";
  const has = (one: string) => asked.value.includes(one) !== asked.not;
  const tracked = has(state) ? "yes" : "no";
  const other = has("UNTRACKED") ? "yes" : "no";
  if (untracked === "maybe") return tracked === other ? tracked : "maybe";
  return untracked === "yes" ? other : tracked;
}

function markAnswer(asked: Match["mark"], piece: Piece): Answer {
  if (asked === undefined) return "yes";
  const { value, mask } = asked.value;
  if (((piece.mark ^ value) & mask & piece.markKnown) !== 0) {
    return negated("no", asked.not);
  }
  // A value outside of its own mask is never met.
  if ((value & ~mask) !== 0) return negated("no", asked.not);
  const known = (mask & ~piece.markKnown) === 0;
  return known ? negated("yes", asked.not) : "maybe";
}

/** A device as one field of several: `iifname . th dport`. */
const DEVICE_FIELD = /^([io])if(?:name)? (\S+)$/;

function fieldAnswer(text: string, packets: PacketClass): Answer {
  const found = DEVICE_FIELD.exec(text);
  if (found === null) return textAnswer(text, packets);
  const { inDevice, outDevice, frame } = packets;
  const value = [found[2]!.replace(/\*$/, "+")];
  const device = found[1] === "i" ? inDevice : outDevice;
  return deviceAnswer({ not: false, value }, device, frame?.devices);
}

/** What a match takes that is kept as text. */
function otherAnswer(text: string, packets: PacketClass): ConcatAnswer {
  return concatAnswer(text, packets, (field) => fieldAnswer(field, packets)) ??
    { answer: textAnswer(text, packets) };
}

/** The sets of a match without what its texts leave out. */
function narrowed(sets: Compiled, others: readonly ConcatAnswer[]): Compiled {
  return others.reduce<Compiled>((all, { source, destination }) => ({
    ...all,
    source: source ? intersect(all.source, source) : all.source,
    destination: destination
      ? intersect(all.destination, destination)
      : all.destination,
  }), sets);
}

/** What ARP has none of: a rule that asks for it takes no ARP. */
function asksForIp({ mark: _mark, ...match }: Match): boolean {
  const { inDevice: _in, outDevice: _out, other, ...rest } = match;
  return Object.keys(rest).length > 0 ||
    other.some(asksForIpText);
}

/** Which packets a rule takes, and which go on to the next rule. */
export interface Taken {
  /** The packets it takes, or null. */
  readonly matched: Piece | null;
  /** Whether it is not known if it takes them. */
  readonly maybe: boolean;
  /** Packets that it leaves. */
  readonly rest: readonly Piece[];
}

/** Sends a box of packets of a class to a rule's match. */
export function matchPackets(
  match: Match,
  piece: Piece,
  packets: PacketClass,
): Taken {
  const nothing: Taken = { matched: null, maybe: false, rest: [piece] };
  const isArp = packets.frame?.carries === "arp";
  if (isArp && asksForIp(match)) return nothing;
  const others = match.other.map((text) => otherAnswer(text, packets));
  const answer = allOf([
    deviceAnswer(match.inDevice, packets.inDevice, packets.frame?.devices),
    deviceAnswer(match.outDevice, packets.outDevice, packets.frame?.devices),
    stateAnswer(match.ctState, packets.ctState ?? "NEW", piece),
    markAnswer(match.mark, piece),
    typeAnswer(match.sourceType, "source", packets),
    typeAnswer(match.destinationType, "destination", packets),
    ...others.map(({ answer }) => answer),
  ]);
  if (answer === "no") return nothing;
  const sets = narrowed(compiled(match, piece.source.family), others);
  const { inside, outside } = splitPiece(
    piece,
    sets.source,
    sets.destination,
    sets.protocols,
  );
  if (inside === null) return nothing;
  if (sets.unclear || answer === "maybe") {
    const matched = { ...inside, sure: false };
    return { matched, maybe: true, rest: [...outside, matched] };
  }
  if (answer === "some") {
    const matched = { ...inside, thinned: true };
    return { matched, maybe: false, rest: [...outside, matched] };
  }
  return { matched: inside, maybe: false, rest: outside };
}
