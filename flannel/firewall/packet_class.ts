/**
 * Packets that a walk sends through the rules: not one, but every packet from
 * one set of addresses to another. A rule takes all of them, a part, none, or
 * it cannot be known.
 *
 * @module
 */
import {
  type AddressSet,
  intersect,
  isEmpty,
  setOfCidrs,
  size,
  subtract,
  toCidrs,
  union,
} from "./address_set.ts";
import type { Frame } from "./frame_match.ts";
import { protocolNumber } from "./protocols.ts";

/** A class of packets. */
export interface PacketClass {
  /** CIDRs of the source addresses; one family. */
  readonly source: readonly string[];
  /** CIDRs of the destination addresses; the same family. */
  readonly destination: readonly string[];
  /**
   * Device the packets came in by; null when this host sends them. Absent:
   * not known, and a rule that asks for it takes "maybe".
   */
  readonly inDevice?: string | null;
  /** Device they leave by; null when this host is their end. Absent: not known. */
  readonly outDevice?: string | null;
  /**
   * Connection state in upper case.
   * @default "NEW"
   */
  readonly ctState?: string;
  /**
   * Mark they carry when they meet the hook.
   * @default 0
   */
  readonly mark?: number;
  /**
   * Boxes of the class as an earlier hook of the same path left them, with
   * their marks and states.
   * @default one box of all
   */
  readonly boxes?: readonly Piece[];
  /**
   * Protocol by name or number.
   * @default any
   */
  readonly protocol?: string;
  /**
   * Destination port of UDP.
   * @default any
   */
  readonly port?: number;
  /**
   * Source port of UDP, where it is always the same.
   * @default another for each flow
   */
  readonly sourcePort?: number;
  /** Set where they are frames at a device or a bridge, or ARP. */
  readonly frame?: Frame;
}

/** A box of packets on its way: every source, destination and protocol in it. */
export interface Piece {
  readonly source: AddressSet;
  readonly destination: AddressSet;
  /** Bit N is protocol N. */
  readonly protocols: bigint;
  /** Whether a rule took some of the box's packets by a port or the like. */
  readonly thinned: boolean;
  /** False when it is not known whether packets of the box are here. */
  readonly sure: boolean;
  readonly mark: number;
  /** Bits of the mark that are known. */
  readonly markKnown: number;
  /** Whether a rule kept conntrack off them: their state is UNTRACKED. */
  readonly untracked: Untracked;
}

/** Whether conntrack leaves packets alone. */
export type Untracked = "yes" | "no" | "maybe";

/** How much of a class a rule takes. */
export type Part = "whole" | "partly" | "maybe";

/** Every protocol. */
export const ANY_PROTOCOL = (1n << 256n) - 1n;

/** The set of one protocol by name or number; null when the name is unknown. */
export function protocolBit(protocol: string): bigint | null {
  const number = protocolNumber(protocol);
  return number === null ? null : 1n << BigInt(number);
}

/**
 * The box of a whole class.
 *
 * @throws {RangeError} when the class has no address, or two families
 */
export function classPiece(packets: PacketClass): Piece {
  const family = packets.source[0]?.includes(":") ? 6 : 4;
  const all = [...packets.source, ...packets.destination];
  const source = setOfCidrs(family, packets.source);
  const destination = setOfCidrs(family, packets.destination);
  const mixed = all.some((cidr) => cidr.includes(":") !== (family === 6));
  if (mixed || isEmpty(source) || isEmpty(destination)) {
    throw new RangeError(
      `Cannot walk: expected addresses of one family, got "${
        packets.source.join(", ")
      }" to "${packets.destination.join(", ")}"`,
    );
  }
  const protocols = packets.protocol === undefined
    ? ANY_PROTOCOL
    : protocolBit(packets.protocol) ?? ANY_PROTOCOL;
  return {
    source,
    destination,
    protocols,
    thinned: false,
    sure: true,
    mark: packets.mark ?? 0,
    markKnown: 0xffffffff,
    untracked: "no",
  };
}

function bitCount(bits: bigint): bigint {
  return BigInt(bits.toString(2).replaceAll("0", "").length);
}

/** Number of packets of a box, as a measure. */
export function volume(piece: Piece): bigint {
  return size(piece.source) * size(piece.destination) *
    bitCount(piece.protocols);
}

/** Whether a box holds nothing. */
export function isNothing(piece: Piece): boolean {
  return isEmpty(piece.source) || isEmpty(piece.destination) ||
    piece.protocols === 0n;
}

/**
 * Splits a box by what a rule asks.
 *
 * @returns the part inside, or null, and the boxes outside
 */
export function splitPiece(
  piece: Piece,
  source: AddressSet,
  destination: AddressSet,
  protocols: bigint,
): { readonly inside: Piece | null; readonly outside: readonly Piece[] } {
  const inside = {
    ...piece,
    source: intersect(piece.source, source),
    destination: intersect(piece.destination, destination),
    protocols: piece.protocols & protocols,
  };
  if (isNothing(inside)) return { inside: null, outside: [piece] };
  const outside = [
    { ...piece, source: subtract(piece.source, source) },
    {
      ...piece,
      source: inside.source,
      destination: subtract(piece.destination, destination),
    },
    {
      ...piece,
      source: inside.source,
      destination: inside.destination,
      protocols: piece.protocols & ~protocols,
    },
  ].filter((rest) => !isNothing(rest));
  return { inside, outside };
}

/** Whether two boxes share a packet. */
export function overlap(a: Piece, b: Piece): boolean {
  return !isEmpty(intersect(a.source, b.source)) &&
    !isEmpty(intersect(a.destination, b.destination)) &&
    (a.protocols & b.protocols) !== 0n;
}

function flags(piece: Piece): string {
  return `${piece.thinned} ${piece.sure} ${piece.mark} ${piece.markKnown} ${piece.untracked} ${piece.protocols}`;
}

/** Joins boxes that differ in one side only. */
function mergeBy(
  pieces: readonly Piece[],
  same: "source" | "destination",
): Piece[] {
  const other = same === "source" ? "destination" : "source";
  const merged = new Map<string, Piece>();
  for (const piece of pieces) {
    const key = `${flags(piece)} ${piece[same].ranges.join(" ")}`;
    const found = merged.get(key);
    merged.set(
      key,
      found === undefined
        ? piece
        : { ...found, [other]: union(found[other], piece[other]) },
    );
  }
  return [...merged.values()];
}

/**
 * More boxes than this become one that is unsure: a walk ends in bounded time
 * and then says "maybe".
 */
const MOST_PIECES = 64;

/** The same packets in fewer boxes. */
export function mergePieces(pieces: readonly Piece[]): readonly Piece[] {
  if (pieces.length < 2) return pieces;
  const merged = mergeBy(mergeBy(pieces, "source"), "destination");
  if (merged.length <= MOST_PIECES) return merged;
  return [merged.reduce((a, b) => ({
    source: union(a.source, b.source),
    destination: union(a.destination, b.destination),
    protocols: a.protocols | b.protocols,
    thinned: true,
    sure: false,
    ...commonState(a, b),
  }))];
}

/** What is known of the mark and state of a packet that is in either box. */
export function commonState(
  a: Piece,
  b: Piece,
): Pick<Piece, "mark" | "markKnown" | "untracked"> {
  return {
    mark: a.mark,
    markKnown: (a.markKnown & b.markKnown & ~(a.mark ^ b.mark)) >>> 0,
    untracked: a.untracked === b.untracked ? a.untracked : "maybe",
  };
}

/**
 * Every packet of a class as a hook leaves it, for the next one: boxes that
 * share no packet, each whole and certain.
 *
 * @param pieces what became of all packets, those that were dropped too
 */
export function boxesAfter(
  pieces: readonly Piece[],
  whole: Piece,
): readonly Piece[] {
  if (pieces.length === 0) return [whole];
  const { mark, markKnown, untracked } = pieces
    .reduce((a, b) => ({ ...a, ...commonState(a, b) }));
  const common = { mark, markKnown, untracked };
  const isOne = pieces.every((each) =>
    each.mark === mark && each.markKnown === markKnown &&
    each.untracked === untracked
  );
  if (isOne) return [{ ...whole, ...common }];
  const isExact = pieces.every(({ sure, thinned }) => sure && !thinned);
  if (isExact && partOf(pieces, whole) === "whole") return mergePieces(pieces);
  return [{ ...whole, ...common }];
}

/** How much of a class the boxes make up; null when there is none. */
export function partOf(
  pieces: readonly Piece[],
  whole: Piece,
): Part | null {
  if (pieces.length === 0) return null;
  const sure = pieces.filter((piece) => piece.sure);
  if (sure.length === 0) return "maybe";
  const full = sure.filter((piece) => !piece.thinned);
  const sum = full.reduce((total, piece) => total + volume(piece), 0n);
  return sum === volume(whole) ? "whole" : "partly";
}

/** Source addresses of boxes as CIDRs. */
export function sourcesOf(pieces: readonly Piece[]): readonly string[] {
  return toCidrs(pieces.map((p) => p.source).reduce(union));
}

/** Destination addresses of boxes as CIDRs. */
export function destinationsOf(pieces: readonly Piece[]): readonly string[] {
  return toCidrs(pieces.map((p) => p.destination).reduce(union));
}
