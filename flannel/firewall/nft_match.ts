import { canonicalCidr } from "../cidr.ts";
import { rangeCidrs } from "./iptables_address.ts";
import {
  isObject,
  listOf,
  numberAt,
  objectAt,
  single,
  textAt,
} from "./nft_json.ts";
import { expressionText, matchText } from "./nft_text.ts";
import { protocolName } from "./protocols.ts";
import type { Match } from "./rule.ts";

/** A match being gathered. */
export type MatchDraft =
  & { -readonly [K in Exclude<keyof Match, "other">]?: Match[K] }
  & { other: string[] };

/** Elements of the named sets of a table, by name. */
export type NamedSets = ReadonlyMap<string, readonly unknown[]>;

const ANY = { ip: "0.0.0.0/0", ip6: "::/0" } as const;

/** Values on the right of a match: one, a list, or a set's elements. */
function values(right: unknown, sets: NamedSets): readonly unknown[] | null {
  if (typeof right === "string" && right.startsWith("@")) {
    return sets.get(right.slice(1)) ?? null;
  }
  if (isObject(right) && "set" in right) {
    const set = right["set"];
    return typeof set === "string" ? values(set, sets) : listOf(set);
  }
  return listOf(right);
}

/** An element without its timeout, counter and comment. */
function bare(value: unknown): unknown {
  return isObject(value) && isObject(value["elem"])
    ? value["elem"]["val"]
    : value;
}

/** CIDRs of an address, prefix or range, or null. */
function cidrsOf(value: unknown): readonly string[] | null {
  const element = bare(value);
  if (typeof element === "string") return rangeCidrs(element);
  const pair = single(element);
  if (pair === null) return null;
  if (pair[0] === "prefix") {
    const address = textAt(pair[1], "addr");
    const cidr = canonicalCidr(`${address}/${numberAt(pair[1], "len")}`);
    return cidr === null ? null : [cidr];
  }
  if (pair[0] === "range") {
    return rangeCidrs(listOf(pair[1]).join("-"));
  }
  return null;
}

/** A device name; the trailing `*` of nft becomes `+`. */
function deviceOf(value: unknown): string | null {
  const element = bare(value);
  if (typeof element !== "string" || element === "") return null;
  return element.endsWith("*") ? `${element.slice(0, -1)}+` : element;
}

function textsOf<T>(
  list: readonly unknown[] | null,
  of: (value: unknown) => readonly T[] | T | null,
): T[] | null {
  if (list === null) return null;
  const texts: T[] = [];
  for (const value of list) {
    const text = of(value);
    if (text === null) return null;
    texts.push(...(Array.isArray(text) ? text : [text]));
  }
  return texts;
}

/** A word in upper case, as iptables writes states and address types. */
function upper(value: unknown): string | null {
  const element = bare(value);
  return typeof element === "string" ? element.toUpperCase() : null;
}

/** Sets a member once; says whether it could. */
function set<K extends keyof Omit<MatchDraft, "other">>(
  draft: MatchDraft,
  key: K,
  value: NonNullable<MatchDraft[K]> | null,
): boolean {
  if (value === null || draft[key] !== undefined) return false;
  draft[key] = value;
  return true;
}

function takeMark(
  draft: MatchDraft,
  mask: number,
  not: boolean,
  right: unknown,
): boolean {
  if (typeof right !== "number") return false;
  return set(draft, "mark", { not, value: { value: right, mask } });
}

function takeMeta(
  draft: MatchDraft,
  key: string,
  not: boolean,
  right: unknown,
  sets: NamedSets,
): boolean {
  switch (key) {
    case "iif":
    case "iifname":
    case "oif":
    case "oifname": {
      const names = textsOf(values(right, sets), deviceOf);
      const member = key.startsWith("i") ? "inDevice" : "outDevice";
      return names !== null && set(draft, member, { not, value: names });
    }
    case "mark":
      return takeMark(draft, 0xffffffff, not, right);
    case "l4proto":
      return takeProtocol(draft, not, right);
    case "nfproto":
    case "protocol": {
      const family = { ipv4: "ip", ip: "ip", ipv6: "ip6", ip6: "ip6" } as const;
      const name = family[right as keyof typeof family];
      if (name === undefined || not) return false;
      return takeFamily(draft, name);
    }
    default:
      return false;
  }
}

/**
 * A rule for one family only, said by a source of all its addresses: there is
 * no member for it, and a packet of the other family matches neither.
 */
function takeFamily(draft: MatchDraft, family: "ip" | "ip6"): boolean {
  const v6 = family === "ip6";
  const given = [draft.source, draft.destination].find((m) => m !== undefined);
  if (given !== undefined) {
    return given.value.every((cidr) => cidr.includes(":") === v6);
  }
  return set(draft, "source", { not: false, value: [ANY[family]] });
}

function takeProtocol(draft: MatchDraft, not: boolean, right: unknown) {
  if (typeof right !== "string" && typeof right !== "number") return false;
  const name = protocolName(String(right));
  return name !== null && set(draft, "protocol", { not, value: name });
}

function takePayload(
  draft: MatchDraft,
  body: unknown,
  not: boolean,
  right: unknown,
  sets: NamedSets,
): boolean {
  const protocol = textAt(body, "protocol");
  const field = textAt(body, "field");
  if (protocol !== "ip" && protocol !== "ip6") return false;
  if (field === "protocol" || field === "nexthdr") {
    return takeProtocol(draft, not, right);
  }
  if (field !== "saddr" && field !== "daddr") return false;
  const cidrs = textsOf(values(right, sets), cidrsOf);
  if (cidrs === null) return false;
  const member = field === "saddr" ? "source" : "destination";
  const family = draft[member];
  if (family?.value[0] === ANY[protocol] && !family.not) delete draft[member];
  return set(draft, member, { not, value: cidrs });
}

function takeLeft(
  draft: MatchDraft,
  left: unknown,
  op: unknown,
  right: unknown,
  sets: NamedSets,
): boolean {
  const pair = single(left);
  if (pair === null || !["==", "!=", "in"].includes(String(op))) return false;
  const not = op === "!=";
  const [kind, body] = pair;
  switch (kind) {
    case "meta":
      return takeMeta(draft, textAt(body, "key") ?? "", not, right, sets);
    case "payload":
      return takePayload(draft, body, not, right, sets);
    case "ct": {
      const key = textAt(body, "key");
      if (key !== "state" && key !== "status") return false;
      const states = textsOf(values(right, sets), upper);
      if (states === null) return false;
      // Status words other than these two are no states of iptables.
      const nat = states.every((s) => s === "DNAT" || s === "SNAT");
      if (key === "status" && !nat) return false;
      return set(draft, "ctState", { not, value: states });
    }
    case "fib": {
      const flags = listOf(objectAt(left, "fib")["flags"]);
      const type = upper(right);
      if (textAt(body, "result") !== "type" || flags.length !== 1) return false;
      if (type === null || type.startsWith("@")) return false;
      const member = flags[0] === "saddr" ? "sourceType" : "destinationType";
      return set(draft, member, { not, value: type });
    }
    case "&": {
      const [operand, mask] = listOf(body);
      if (textAt(objectAt(operand, "meta"), "key") !== "mark") return false;
      return typeof mask === "number" && takeMark(draft, mask, not, right);
    }
    default:
      return false;
  }
}

/** Fields whose named sets are shown with what is in them. */
const LISTED = /^(meta l4proto|(tcp|udp|th) [ds]port|.* \. .*)$/;

/** Larger sets are not asked: every packet of a walk would read them anew. */
const MOST_ELEMENTS = 1000;

/** A match with the elements of the named set that it asks for. */
function withElements(body: unknown, sets: NamedSets): unknown {
  if (!isObject(body)) return body;
  const { left, right } = body;
  if (typeof right !== "string" || !right.startsWith("@")) return body;
  const elements = sets.get(right.slice(1));
  if (elements === undefined || elements.length > MOST_ELEMENTS) return body;
  return LISTED.test(expressionText(left))
    ? { ...body, right: { set: elements } }
    : body;
}

/** Adds a match statement's body to a draft; keeps the text of the others. */
export function takeNftMatch(
  draft: MatchDraft,
  body: unknown,
  sets: NamedSets,
): void {
  const taken = isObject(body) &&
    takeLeft(draft, body["left"], body["op"], body["right"], sets);
  if (!taken) draft.other.push(matchText(withElements(body, sets)));
}
