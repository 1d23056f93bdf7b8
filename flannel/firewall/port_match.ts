import { allOf, type Answer, anyOf, listedWords } from "./answer.ts";

/** Ports from one to another, both included. */
type Range = readonly [first: number, last: number];

const LAST = 65535;

/** Ports that a program gets which asks for none (`ip_local_port_range`). */
const USUAL: Range = [32768, 60999];

/** Below are those of services, which the kernel gives nobody by itself. */
const UNPRIVILEGED: Range = [1024, LAST];

/** A port of iptables (`1:1024`, `:1024`) or nft (`1-1024`), or a range. */
function rangeOf(text: string): Range | null {
  const found = /^(\d*)(?:([:-])(\d*))?$/.exec(text);
  if (found === null || text === "") return null;
  const first = Number(found[1]);
  return [first, found[2] === undefined ? first : Number(found[3] || LAST)];
}

/** nft's `> 1023` and the like. */
function comparedTo(operator: string, text: string): Range | null {
  if (!/^\d+$/.test(text)) return null;
  const port = Number(text);
  switch (operator) {
    case "<":
      return [0, port - 1];
    case "<=":
      return [0, port];
    case ">":
      return [port + 1, LAST];
    case ">=":
      return [port, LAST];
    default:
      return null;
  }
}

/** Ports in none of the ranges. */
function complement(ranges: readonly Range[]): Range[] {
  const gaps: Range[] = [];
  let next = 0;
  for (const [first, last] of ranges.toSorted(([a], [b]) => a - b)) {
    if (first > next) gaps.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  return next > LAST ? gaps : [...gaps, [next, LAST]];
}

function touches(ranges: readonly Range[], [first, last]: Range): boolean {
  return ranges.some(([a, b]) => a <= last && b >= first);
}

function covers(ranges: readonly Range[], whole: Range): boolean {
  return !touches(complement(ranges), whole);
}

/** Ports of a packet; vxlan's sender takes another for each flow inside. */
interface Ports {
  readonly to: number;
  readonly from: number | undefined;
}

function holds(ranges: readonly Range[], port: number): Answer {
  return touches(ranges, [port, port]) ? "yes" : "no";
}

/**
 * Of the sender's port. Where it is not always the same, other hosts choose
 * it, so that only what no host has is certain.
 */
function sourceAnswer(ranges: readonly Range[], { from }: Ports): Answer {
  if (from !== undefined) return holds(ranges, from);
  if (covers(ranges, UNPRIVILEGED)) return "yes";
  if (!touches(ranges, UNPRIVILEGED)) return "no";
  return touches(ranges, USUAL) && !covers(ranges, USUAL) ? "some" : "maybe";
}

function sideAnswer(
  side: string,
  ranges: readonly Range[],
  ports: Ports,
): Answer {
  const destination = holds(ranges, ports.to);
  if (side === "dport") return destination;
  const source = sourceAnswer(ranges, ports);
  return side === "sport" ? source : anyOf([source, destination]);
}

function answer(
  side: string,
  not: boolean,
  ranges: readonly (Range | null)[],
  ports: Ports,
): Answer {
  const known = ranges.filter((range) => range !== null);
  if (known.length !== ranges.length) return "maybe";
  return sideAnswer(side, not ? complement(known) : known, ports);
}

/** Every spelling of iptables. */
const SIDES: Readonly<Record<string, string>> = {
  "--dport": "dport",
  "--dports": "dport",
  "--destination-port": "dport",
  "--destination-ports": "dport",
  "--sport": "sport",
  "--sports": "sport",
  "--source-port": "sport",
  "--source-ports": "sport",
  "--port": "either",
  "--ports": "either",
};

/** `--sport 67 ! --dport 68`: each is one more question. */
function optionAnswers(words: string, ports: Ports): Answer[] {
  return [...words.matchAll(/(! )?(--\S+) (! )?(?!--)(\S+)/g)].map(
    ([, before, option = "", behind, value = ""]) => {
      const side = SIDES[option];
      if (side === undefined) return "some";
      const not = before !== undefined || behind !== undefined;
      return answer(side, not, value.split(",").map(rangeOf), ports);
    },
  );
}

/**
 * How much of UDP packets to a port a match on ports takes that is kept as
 * text. Undefined for what asks anything else.
 *
 * @param text such as `udp dport { 53, 8472 }` of nft or
 *   `-m udp --sport 67 --dport 68` of iptables
 * @param sourcePort their sender's port, where it is always the same
 */
export function portAnswer(
  text: string,
  port: number,
  sourcePort?: number,
): Answer | undefined {
  const ports = { to: port, from: sourcePort };
  const nft = /^(?:udp|th) ([ds]port) (?:(!=|[<>]=?) )?(\{.*\}|\S+)$/
    .exec(text);
  if (nft !== null) {
    const [, side = "", operator = "", words = ""] = nft;
    const ranges = /[<>]/.test(operator)
      ? [comparedTo(operator, words)]
      : listedWords(words).map(rangeOf);
    return answer(side, operator === "!=", ranges, ports);
  }
  const iptables =
    /^(?:-m (?:udp|multiport) )?((?:! )?--(?:d|s|destination-|source-)?ports? .*)$/
      .exec(text);
  return iptables === null
    ? undefined
    : allOf(optionAnswers(iptables[1]!, ports));
}
