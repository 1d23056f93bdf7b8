/**
 * What the link layer asks of a frame at a device, a bridge or in ARP: matches
 * that `nft` prints in families netdev, bridge and arp and that the walk of
 * routed packets never meets.
 *
 * @module
 */
import {
  complement,
  includes,
  intersect,
  isEmpty,
  setOfCidrs,
} from "./address_set.ts";
import { rangeCidrs } from "./iptables_address.ts";
import { canonicalCidr } from "../cidr.ts";

/** A frame where it passes a device or a bridge. */
export interface Frame {
  readonly carries: "ip" | "ip6" | "arp";
  /** The bridge whose port it passes, or null. */
  readonly bridge: string | null;
  /** Whether it may carry a VLAN tag there. */
  readonly tagged: boolean;
  /** Devices it may pass there, of which none is known to be the one. */
  readonly devices?: readonly string[];
  /** MACs that it may be from in ARP's own words, all of them, where known. */
  readonly senders?: readonly string[];
}

/** yes: every frame; no: none; some: a part, surely. Undefined: not known. */
export type FrameAnswer = "yes" | "no" | "some" | undefined;

/** Addresses a class of frames is from and to. */
interface Ends {
  readonly source: readonly string[];
  readonly destination: readonly string[];
}

/** EtherTypes as nft prints them, by name or number. */
const TYPES: Readonly<Record<string, string>> = {
  "2048": "ip",
  "2054": "arp",
  "34525": "ip6",
  "33024": "8021q",
  "vlan": "8021q",
  "ipv4": "ip",
  "ipv6": "ip6",
};

function negated(answer: FrameAnswer, not: boolean): FrameAnswer {
  if (!not || answer === undefined || answer === "some") return answer;
  return answer === "yes" ? "no" : "yes";
}

/** The values of `{ a, b }`, or the one. */
function listed(text: string): string[] {
  return text.replace(/^\{ (.*) \}$/, "$1").split(", ")
    .map((word) => word.replace(/^"(.*)"$/, "$1"));
}

/** Beneath it is a length and no type: no frame of IP or ARP has one. */
const FIRST_TYPE = 0x600;

/** `ether type` is the tag's where there is one, `meta protocol` is not. */
function typeAnswer(key: string, words: string, frame: Frame): FrameAnswer {
  const types = listed(words).map((word) => TYPES[word] ?? word);
  const isTag = types.includes("8021q") ||
    (key === "ether type" && types.includes(frame.carries));
  if (frame.tagged && isTag) return undefined;
  return types.includes(frame.carries) ? "yes" : "no";
}

/** Of addresses in ARP: its sender's and its target's. */
function arpAddresses(
  words: string,
  not: boolean,
  addresses: readonly string[],
): FrameAnswer {
  const asked = listed(words).flatMap((word) =>
    rangeCidrs(word) ?? [canonicalCidr(word)]
  );
  if (asked.some((cidr) => cidr === null)) return undefined;
  const set = setOfCidrs(4, asked as string[]);
  const wanted = not ? complement(set) : set;
  const own = setOfCidrs(4, addresses);
  if (isEmpty(intersect(wanted, own))) return "no";
  return includes(wanted, own) ? "yes" : "some";
}

/** ARP is both, a question and its answer: who loses one gets no address. */
function operationAnswer(words: string, not: boolean): FrameAnswer {
  const asked = listed(words);
  const both = ["request", "reply"];
  const lost = both.filter((each) =>
    (asked.includes(each) || asked.includes(each === "request" ? "1" : "2")) !==
      not
  );
  return lost.length > 0 ? "yes" : "no";
}

function senderAnswer(
  words: string,
  not: boolean,
  senders: readonly string[] | undefined,
): FrameAnswer {
  const asked = listed(words);
  const isMac = (word: string) => /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(word);
  if (senders === undefined || !asked.every(isMac)) return undefined;
  const lost = senders.filter((mac) => asked.includes(mac) !== not).length;
  if (lost === 0) return "no";
  return lost === senders.length ? "yes" : "some";
}

/** What Ethernet and IPv4 always say in ARP. */
const ARP_FIXED: Readonly<Record<string, readonly string[]>> = {
  htype: ["1", "ether"],
  hlen: ["6"],
  plen: ["4"],
  ptype: ["ip", "2048"],
};

function arpAnswer(
  field: string,
  not: boolean,
  words: string,
  { source, destination }: Ends,
  senders: Frame["senders"],
): FrameAnswer {
  if (field === "saddr ether") return senderAnswer(words, not, senders);
  if (field === "saddr ip") return arpAddresses(words, not, source);
  if (field === "daddr ip") return arpAddresses(words, not, destination);
  if (field === "operation") return operationAnswer(words, not);
  const fixed = ARP_FIXED[field];
  if (fixed === undefined) return undefined;
  return negated(fixed.includes(words) ? "yes" : "no", not);
}

/** A question of ARP is a broadcast, its answer is not, as IP is not. */
function packetTypeAnswer(
  words: string,
  not: boolean,
  { carries }: Frame,
): FrameAnswer {
  const asked = listed(words).map((word) => word === "unicast" ? "host" : word);
  const types = carries === "arp" ? ["broadcast", "host"] : ["host"];
  return types.some((type) => asked.includes(type) !== not) ? "yes" : "no";
}

/** Any address of a group, not of all: `01:80:c2:00:00:00/40`. */
const GROUP = /^(?!ff:)[0-9a-f][13579bdf](:[0-9a-f]{2}){5}(\/[0-9]+)?$/;

/** IPv4 goes to one host's address, a question of ARP to all. */
function etherAnswer(words: string, frame: Frame): FrameAnswer {
  if (frame.carries === "ip6") return undefined;
  return listed(words).every((word) => GROUP.test(word)) ? "no" : undefined;
}

/** Bit of a packet that forbids fragments. */
const DONT_FRAGMENT = 0x4000;

/** Of fragments there are some, and of what is none nearly all. */
function fragmentAnswer(text: string, frame: Frame): FrameAnswer {
  if (frame.carries !== "ip") return "no";
  const mask = /^ip frag-off & ([0-9]+) == 0$/.exec(text)?.[1];
  const whole = mask !== undefined && (Number(mask) & DONT_FRAGMENT) === 0;
  return whole ? "yes" : "some";
}

/**
 * Answers a match that is kept as text. Undefined also for what is not the
 * link layer's.
 */
export function frameAnswer(
  text: string,
  frame: Frame,
  ends: Ends,
): FrameAnswer {
  const found =
    /^(?:meta )?(ether (?:type|daddr)|protocol|pkttype|[io]br(?:idge)?name|arp (?:[sd]addr )?\w+|vlan \w+|ip frag-off)\b.*?(?: (!=|==))? (\{.*\}|\S+)$/
      .exec(text);
  if (found === null) return undefined;
  const [, key = "", operator, words = ""] = found;
  const not = operator === "!=";
  if (key === "ip frag-off") return fragmentAnswer(text, frame);
  const length = /^ether type < ([0-9]+)$/.exec(text)?.[1];
  if (length !== undefined && Number(length) <= FIRST_TYPE) return "no";
  if (/ (&|[<>]=?) /.test(text)) return undefined;
  if (key === "ether daddr") return negated(etherAnswer(words, frame), not);
  if (key.startsWith("vlan ")) return frame.tagged ? undefined : "no";
  if (key.startsWith("arp ")) {
    return frame.carries === "arp"
      ? arpAnswer(key.slice("arp ".length), not, words, ends, frame.senders)
      : "no";
  }
  if (key === "ether type" || key === "protocol") {
    return negated(typeAnswer(key, words, frame), not);
  }
  if (key === "pkttype") return packetTypeAnswer(words, not, frame);
  if (frame.bridge === null) return "no";
  return negated(listed(words).includes(frame.bridge) ? "yes" : "no", not);
}
