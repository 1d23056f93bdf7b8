/**
 * Rules compared by what they do, not by how they are written: `-s
 * 10.1.2.1/24` is `-s 10.1.2.0/24`, and the order of arguments says nothing.
 *
 * @module
 */
import {
  complement,
  equalSets,
  fullSet,
  includes,
  setOfCidrs,
  toCidrs,
} from "./address_set.ts";
import type { AddressSet } from "./address_set.ts";
import { protocolName } from "./protocols.ts";
import type { Match, Negatable, Rule, Target } from "./rule.ts";

/** What else than match and target makes two rules different. */
export interface CompareOptions {
  /**
   * Whether a different comment makes a different rule.
   * @default false
   */
  readonly comments?: boolean;
}

/** One text for a list of CIDRs of any family. */
function canonicalCidrs(cidrs: readonly string[]): string[] {
  return [
    ...toCidrs(setOfCidrs(4, cidrs)),
    ...toCidrs(setOfCidrs(6, cidrs)),
  ];
}

function sorted(list: readonly string[]): string[] {
  return [...new Set(list)].sort();
}

/** A text that is equal for matches that ask the same. */
export function matchKey(match: Match): string {
  const cidrs = (asked: Negatable<readonly string[]> | undefined) =>
    asked && [asked.not, ...canonicalCidrs(asked.value)];
  const words = (asked: Negatable<readonly string[]> | undefined) =>
    asked && [asked.not, ...sorted(asked.value)];
  const word = (asked: Negatable<string> | undefined) =>
    asked && [asked.not, asked.value];
  return JSON.stringify([
    cidrs(match.source),
    cidrs(match.destination),
    words(match.inDevice),
    words(match.outDevice),
    match.protocol &&
    [match.protocol.not, protocolName(match.protocol.value)],
    match.mark &&
    [match.mark.not, match.mark.value.value, match.mark.value.mask],
    words(match.ctState),
    word(match.sourceType),
    word(match.destinationType),
    sorted(match.other),
  ]);
}

/** A text that is equal for targets that do the same. */
export function targetKey(target: Target): string {
  switch (target.kind) {
    case "REJECT":
      return `REJECT ${target.with ?? "icmp-port-unreachable"}`;
    case "JUMP":
    case "GOTO":
      return `${target.kind} ${target.chain}`;
    case "MASQUERADE":
      return `MASQUERADE ${target.randomFully}`;
    case "SNAT":
    case "DNAT":
      return `${target.kind} ${target.to}`;
    case "MARK":
      return `MARK ${target.value} ${target.mask}`;
    case "OTHER":
      return `OTHER ${target.text}`;
    default:
      return target.kind;
  }
}

/** A text that is equal for rules that ask and do the same. */
export function ruleKey(rule: Rule, options: CompareOptions = {}): string {
  const comment = options.comments ? rule.comment ?? "" : "";
  return `${matchKey(rule.match)} ${targetKey(rule.target)} ${comment}`;
}

/** Whether two rules ask and do the same. */
export function sameRule(
  a: Rule,
  b: Rule,
  options: CompareOptions = {},
): boolean {
  return ruleKey(a, options) === ruleKey(b, options);
}

/** Whether one device pattern takes in every name of another. */
function deviceCovers(outer: string, inner: string): boolean {
  if (!outer.endsWith("+")) return outer === inner;
  return inner.startsWith(outer.slice(0, -1));
}

type Asked = Negatable<readonly string[]> | undefined;

function addressesOf(asked: Asked, family: 4 | 6): AddressSet {
  if (asked === undefined) return fullSet(family);
  const set = setOfCidrs(family, asked.value);
  return asked.not ? complement(set) : set;
}

/** Families a match of addresses can meet at all; both when it asks nothing. */
function familiesOf(match: Match): readonly (4 | 6)[] {
  const cidrs = [match.source, match.destination].flatMap((m) =>
    m?.value ?? []
  );
  if (cidrs.length === 0) return [4, 6];
  const v6 = cidrs.every((cidr) => cidr.includes(":"));
  const v4 = cidrs.every((cidr) => !cidr.includes(":"));
  return v6 ? [6] : v4 ? [4] : [4, 6];
}

function addressCovers(
  outer: Asked,
  inner: Asked,
  families: readonly (4 | 6)[],
): boolean {
  if (outer === undefined) return true;
  return families.every((family) =>
    includes(addressesOf(outer, family), addressesOf(inner, family))
  );
}

function listCovers(
  outer: Asked,
  inner: Asked,
  covers: (outer: string, inner: string) => boolean,
): boolean {
  if (outer === undefined) return true;
  if (inner === undefined) return false;
  const covered = (a: readonly string[], b: readonly string[]) =>
    b.every((x) => a.some((y) => covers(y, x)));
  if (outer.not) {
    // Everything outer refuses has to be refused by inner too; a list of
    // plain names that meets none of the refused ones is as good.
    if (inner.not) return covered(inner.value, outer.value);
    return inner.value.every((x) =>
      outer.value.every((y) => !covers(y, x) && !covers(x, y))
    );
  }
  return !inner.not && covered(outer.value, inner.value);
}

function equalAsked<T>(
  outer: Negatable<T> | undefined,
  inner: Negatable<T> | undefined,
): boolean {
  if (outer === undefined) return true;
  return JSON.stringify(outer) === JSON.stringify(inner);
}

function equals(a: string, b: string): boolean {
  return a === b;
}

/**
 * Whether `outer` certainly matches every packet that `inner` matches. False
 * also means: not known.
 */
export function coversMatch(outer: Match, inner: Match): boolean {
  const families = familiesOf(inner);
  return addressCovers(outer.source, inner.source, families) &&
    addressCovers(outer.destination, inner.destination, families) &&
    listCovers(outer.inDevice, inner.inDevice, deviceCovers) &&
    listCovers(outer.outDevice, inner.outDevice, deviceCovers) &&
    listCovers(outer.ctState, inner.ctState, equals) &&
    equalAsked(outer.protocol, inner.protocol) &&
    equalAsked(outer.mark, inner.mark) &&
    equalAsked(outer.sourceType, inner.sourceType) &&
    equalAsked(outer.destinationType, inner.destinationType) &&
    outer.other.every((text) => inner.other.includes(text));
}

/** Whether a match asks for exactly these addresses, in any spelling. */
export function asksFor(
  asked: Asked,
  cidr: string,
  not = false,
): boolean {
  if (asked === undefined || asked.not !== not) return false;
  const family = cidr.includes(":") ? 6 : 4;
  return asked.value.every((text) => text.includes(":") === (family === 6)) &&
    equalSets(setOfCidrs(family, asked.value), setOfCidrs(family, [cidr]));
}
