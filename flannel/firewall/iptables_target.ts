import type { Target } from "./rule.ts";
import { quoteWord } from "./words.ts";

const ALL = 0xffffffff;

/** An unsigned 32-bit number in C notation, or null. */
export function parseMark(text: string): number | null {
  if (!/^(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})$/.test(text)) return null;
  const value = Number(text);
  return value <= ALL ? value : null;
}

/** `VALUE[/MASK]`, or null. */
export function parseMarkMask(
  text: string,
): { readonly value: number; readonly mask: number } | null {
  const [first = "", second] = text.split("/");
  const value = parseMark(first);
  const mask = second === undefined ? ALL : parseMark(second);
  return value === null || mask === null ? null : { value, mask };
}

/**
 * MARK's options as "clear the bits of mask, then flip those of value", which
 * is what `--set-xmark` says and the other four are short forms of
 * (iptables-extensions(8)).
 */
function markTarget(option: string, argument: string): Target | null {
  const given = parseMarkMask(argument);
  if (given === null) return null;
  const { value, mask } = given;
  switch (option) {
    case "--set-xmark":
      return { kind: "MARK", value, mask };
    case "--set-mark":
      return { kind: "MARK", value, mask: (mask | value) >>> 0 };
    case "--or-mark":
      return { kind: "MARK", value, mask: value };
    case "--and-mark":
      return { kind: "MARK", value: 0, mask: ~value >>> 0 };
    case "--xor-mark":
      return { kind: "MARK", value, mask: 0 };
    default:
      return null;
  }
}

function optionValue(words: readonly string[], ...names: string[]) {
  const at = words.findIndex((word) => names.includes(word));
  return at < 0 ? null : words[at + 1] ?? null;
}

/**
 * A target of iptables from its name and the words after it; one that flandoc
 * does not model is kept as text.
 */
export function iptablesTarget(name: string, words: readonly string[]): Target {
  const other: Target = {
    kind: "OTHER",
    text: [name, ...words].map(quoteWord).join(" "),
  };
  switch (name) {
    case "ACCEPT":
    case "DROP":
    case "RETURN":
      return { kind: name };
    case "REJECT":
      return { kind: name, with: optionValue(words, "--reject-with") };
    case "MASQUERADE":
      return { kind: name, randomFully: words.includes("--random-fully") };
    case "SNAT":
    case "DNAT": {
      const to = optionValue(words, "--to-source", "--to-destination");
      return to === null ? other : { kind: name, to };
    }
    case "MARK":
      return markTarget(words[0] ?? "", words[1] ?? "") ?? other;
    default:
      return other;
  }
}
