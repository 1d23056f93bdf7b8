import { iptablesCidr, rangeCidrs } from "./iptables_address.ts";
import { iptablesTarget, parseMarkMask } from "./iptables_target.ts";
import { protocolName } from "./protocols.ts";
import type { Match, Rule, Target } from "./rule.ts";
import { quoteWord, splitWords, type Word } from "./words.ts";

/** Options of iptables itself, by every spelling, and how many words follow. */
const GLOBAL: Readonly<Record<string, [name: string, words: number]>> = {
  "-s": ["-s", 1],
  "--source": ["-s", 1],
  "--src": ["-s", 1],
  "-d": ["-d", 1],
  "--destination": ["-d", 1],
  "--dst": ["-d", 1],
  "-i": ["-i", 1],
  "--in-interface": ["-i", 1],
  "-o": ["-o", 1],
  "--out-interface": ["-o", 1],
  "-p": ["-p", 1],
  "--protocol": ["-p", 1],
  "--proto": ["-p", 1],
  "-m": ["-m", 1],
  "--match": ["-m", 1],
  "-j": ["-j", 1],
  "--jump": ["-j", 1],
  "-g": ["-g", 1],
  "--goto": ["-g", 1],
  "-f": ["-f", 0],
  "--fragment": ["-f", 0],
  "-c": ["-c", 2],
  "--set-counters": ["-c", 2],
};

type Draft = {
  -readonly [K in Exclude<keyof Match, "other">]?: Match[K];
};

/** Reads words one after the other. */
class Reader {
  readonly #words: readonly Word[];
  #at = 0;

  constructor(words: readonly Word[]) {
    this.#words = words;
  }

  get done(): boolean {
    return this.#at >= this.#words.length;
  }

  /** The option at this place under its short name, or undefined. */
  global(offset = 0): [name: string, words: number] | undefined {
    const word = this.#words[this.#at + offset];
    if (word === undefined || word.quoted) return undefined;
    return Object.hasOwn(GLOBAL, word.text) ? GLOBAL[word.text] : undefined;
  }

  is(text: string): boolean {
    const word = this.#words[this.#at];
    return word !== undefined && !word.quoted && word.text === text;
  }

  next(): string {
    const word = this.#words[this.#at++];
    if (word === undefined) {
      throw new SyntaxError("Cannot parse rule: expected a word, got its end");
    }
    return word.text;
  }

  /** Words up to the next option of iptables itself. */
  rest(): string[] {
    const words: string[] = [];
    while (!this.done && this.global() === undefined) {
      if (this.is("!") && this.global(1) !== undefined) break;
      const text = this.next();
      words.push(text);
      // A comment is one word, and may look like an option.
      if (text === "--comment" && !this.done) words.push(this.next());
    }
    return words;
  }
}

/** What a rule says, gathered word by word. */
class Builder {
  readonly match: Draft = {};
  readonly other: string[] = [];
  readonly comments: string[] = [];
  target: Target = { kind: "CONTINUE" };
  packets: number | null = null;

  /** Sets a member once; a second wish for it is beyond the model. */
  set<K extends keyof Draft>(key: K, value: Draft[K], text: string): void {
    if (this.match[key] === undefined) this.match[key] = value;
    else this.other.push(text);
  }

  address(key: "source" | "destination", not: boolean, text: string): void {
    const option = `${not ? "! " : ""}${
      key === "source" ? "-s" : "-d"
    } ${text}`;
    const cidrs = text.split(",").map(iptablesCidr);
    if (cidrs.some((cidr) => cidr === null)) this.other.push(option);
    else if (not || !/^(0\.0\.0\.0|::)\/0$/.test(cidrs[0]!)) {
      this.set(key, { not, value: cidrs as string[] }, option);
    }
  }

  protocol(not: boolean, text: string): void {
    const name = protocolName(text);
    if (name !== null) {
      this.set(
        "protocol",
        { not, value: name },
        `${not ? "! " : ""}-p ${text}`,
      );
    } else if (not) this.other.push(`! -p ${text}`);
  }

  /** Takes what it understands of a match module's option. */
  #option(
    module: string,
    not: boolean,
    option: string,
    values: readonly string[],
    text: string,
  ): boolean {
    const value = values[0] ?? "";
    switch (`${module} ${option}`) {
      case "comment --comment":
        this.comments.push(value);
        return true;
      case "conntrack --ctstate":
      case "state --state":
        this.set("ctState", { not, value: value.split(",") }, text);
        return true;
      case "mark --mark": {
        const mark = parseMarkMask(value);
        if (mark === null) return false;
        this.set("mark", { not, value: mark }, text);
        return true;
      }
      case "addrtype --src-type":
        if (value.includes(",")) return false;
        this.set("sourceType", { not, value }, text);
        return true;
      case "addrtype --dst-type":
        if (value.includes(",")) return false;
        this.set("destinationType", { not, value }, text);
        return true;
      case "iprange --src-range":
      case "iprange --dst-range": {
        const cidrs = rangeCidrs(value);
        if (cidrs === null) return false;
        const key = option === "--src-range" ? "source" : "destination";
        this.set(key, { not, value: cidrs }, text);
        return true;
      }
      default:
        return false;
    }
  }

  /** Takes a match module with its words; what is not understood is kept. */
  module(module: string, words: readonly string[]): void {
    const kept: string[] = [];
    let at = 0;
    while (at < words.length) {
      let not = words[at] === "!";
      const start = at;
      if (not) at++;
      const option = words[at++] ?? "";
      if (words[at] === "!") {
        not = true;
        at++;
      }
      const from = at;
      if (option === "--comment") at++;
      else while (at < words.length && !/^(!$|--)/.test(words[at]!)) at++;
      const said = words.slice(start, at).map(quoteWord).join(" ");
      const values = words.slice(from, at);
      const text = `-m ${module} ${said}`;
      if (!this.#option(module, not, option, values, text)) kept.push(said);
    }
    if (kept.length > 0) {
      this.other.push([...module ? ["-m", module] : [], ...kept].join(" "));
    } else if (words.length === 0 && !IMPLIED.has(module)) {
      this.other.push(`-m ${module}`);
    }
  }
}

/** Modules that ask nothing when they have no options. */
const IMPLIED: ReadonlySet<string> = new Set([
  "tcp",
  "udp",
  "sctp",
  "dccp",
  "udplite",
  "comment",
]);

/** One option of iptables itself. */
function take(
  reader: Reader,
  builder: Builder,
  chains: ReadonlySet<string>,
): void {
  let not = reader.is("!");
  if (not) reader.next();
  const option = reader.global();
  if (option === undefined) {
    // Options without `-m`, as people type them: `-p tcp --dport 80`.
    builder.module("", [...not ? ["!"] : [], ...reader.rest()]);
    return;
  }
  reader.next();
  if (reader.is("!") && option[1] === 1) {
    // The order of iptables before 1.4.3: `-s ! 10.0.0.0/8`.
    not = true;
    reader.next();
  }
  switch (option[0]) {
    case "-s":
      return builder.address("source", not, reader.next());
    case "-d":
      return builder.address("destination", not, reader.next());
    case "-i":
    case "-o": {
      const key = option[0] === "-i" ? "inDevice" : "outDevice";
      const device = reader.next();
      const text = `${not ? "! " : ""}${option[0]} ${device}`;
      return builder.set(key, { not, value: [device] }, text);
    }
    case "-p":
      return builder.protocol(not, reader.next());
    case "-f":
      builder.other.push(not ? "! -f" : "-f");
      return;
    case "-c":
      builder.packets = Number(reader.next());
      reader.next();
      return;
    case "-m":
      return builder.module(reader.next(), reader.rest());
    case "-g":
      builder.target = { kind: "GOTO", chain: reader.next() };
      return;
    default: {
      const name = reader.next();
      const words = reader.rest();
      builder.target = chains.has(name)
        ? { kind: "JUMP", chain: name }
        : iptablesTarget(name, words);
    }
  }
}

/**
 * Parses one rule of iptables-save.
 *
 * @param text the rule, with or without `-A CHAIN`, no counters in brackets
 * @param chains names of the table's chains, to tell a jump from an extension
 * @param packets packets counted, or null
 * @returns the rule; one that cannot be parsed keeps its text as target OTHER
 *   and as a match nobody can evaluate
 */
export function parseIptablesRule(
  text: string,
  chains: ReadonlySet<string>,
  packets: number | null = null,
): Rule {
  try {
    const words = splitWords(text);
    const reader = new Reader(words.slice(/^-A\s/.test(text) ? 2 : 0));
    const builder = new Builder();
    builder.packets = packets;
    while (!reader.done) take(reader, builder, chains);
    return {
      match: { ...builder.match, other: builder.other },
      target: builder.target,
      comment: builder.comments.length === 0
        ? null
        : builder.comments.join(" "),
      text,
      handle: null,
      packets: builder.packets,
    };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return {
      match: { other: [text] },
      target: { kind: "OTHER", text },
      comment: null,
      text,
      handle: null,
      packets,
    };
  }
}
