/**
 * nft's matches on several fields at once: `ip saddr . udp dport { 10.0.0.1 .
 * 8472, … }`, kept as text.
 *
 * @module
 */
import { canonicalCidr } from "../cidr.ts";
import {
  type AddressSet,
  complement,
  emptySet,
  fullSet,
  includes,
  intersect,
  isEmpty,
  setOfCidrs,
  union,
} from "./address_set.ts";
import { allOf, type Answer, anyOf, listedWords } from "./answer.ts";
import { rangeCidrs } from "./iptables_address.ts";
import type { PacketClass } from "./packet_class.ts";

/** How much of a class it takes, and of which addresses alone. */
export interface ConcatAnswer {
  readonly answer: Answer;
  readonly source?: AddressSet;
  readonly destination?: AddressSet;
}

/** Answers a match of one field: `udp dport 8472`. */
export type FieldAnswer = (text: string) => Answer;

type Side = "source" | "destination";

/** What one element takes; a side that is absent is not asked for. */
type Element = { answer: Answer } & { [side in Side]?: AddressSet };

const SIDES: Readonly<Record<string, Side>> = {
  "ip saddr": "source",
  "ip6 saddr": "source",
  "ip daddr": "destination",
  "ip6 daddr": "destination",
};

function addressesOf(text: string, family: 4 | 6): AddressSet | null {
  const cidrs = rangeCidrs(text) ?? [canonicalCidr(text)];
  if (cidrs.includes(null)) return null;
  return setOfCidrs(family, cidrs as string[]);
}

/** What one element of the set takes of the class. */
function elementOf(
  fields: readonly string[],
  words: readonly string[],
  packets: PacketClass,
  answerField: FieldAnswer,
): Element {
  if (words.length !== fields.length) return { answer: "maybe" };
  const family = packets.source[0]?.includes(":") ? 6 : 4;
  const element: Element = { answer: "yes" };
  const answers: Answer[] = [];
  for (const [index, field] of fields.entries()) {
    const word = words[index]!;
    const side = SIDES[field];
    if (side === undefined) {
      answers.push(answerField(`${field} ${word}`));
      continue;
    }
    const set = addressesOf(word, family);
    const whole = setOfCidrs(family, packets[side]);
    if (set === null) answers.push("maybe");
    else if (isEmpty(intersect(set, whole))) answers.push("no");
    else if (!includes(set, whole)) element[side] = set;
  }
  return { ...element, answer: allOf(answers) };
}

/** The whole of one side that the elements ask for, as nobody asks the other. */
function unionOf(
  elements: readonly Element[],
  side: Side,
  family: 4 | 6,
): AddressSet {
  return elements.map((each) => each[side] ?? fullSet(family))
    .reduce(union, emptySet(family));
}

function isWhole(element: Element): boolean {
  return element.source === undefined && element.destination === undefined;
}

/**
 * Undefined for what asks one field only.
 *
 * @param answerField answers for a single field
 */
export function concatAnswer(
  text: string,
  packets: PacketClass,
  answerField: FieldAnswer,
): ConcatAnswer | undefined {
  const found =
    /^(?!fib )((?:[a-z][\w-]*(?: \w+)? \. )+[a-z][\w-]*(?: [a-z]\w*)?) (!= )?(\{.*\}|\S+(?: \. \S+)+)$/
      .exec(text);
  if (found === null) return undefined;
  const [, left = "", not, right = ""] = found;
  const fields = left.split(" . ");
  const taken = listedWords(right)
    .map((one) => elementOf(fields, one.split(" . "), packets, answerField))
    .filter(({ answer }) => answer !== "no");
  if (taken.length === 0) return { answer: not ? "yes" : "no" };
  const unsure = taken.filter(({ answer }) => answer !== "yes");
  const certain = taken.filter(({ answer }) => answer === "yes");
  if (certain.some(isWhole)) return { answer: not ? "no" : "yes" };
  if (unsure.length > 0) {
    const answers = unsure.map(({ answer }) => answer);
    return {
      answer: not
        ? "maybe"
        : anyOf([...answers, ...certain.map(() => "some" as const)]),
    };
  }
  const family = packets.source[0]?.includes(":") ? 6 : 4;
  const sides = (["source", "destination"] as const)
    .filter((side) => certain.some((each) => each[side] !== undefined));
  if (sides.length !== 1) return { answer: not ? "maybe" : "some" };
  const set = unionOf(certain, sides[0]!, family);
  return { answer: "yes", [sides[0]!]: not ? complement(set) : set };
}
