/** What Go's syntax writes otherwise, with what JavaScript writes. */
const SPELLINGS: ReadonlyArray<readonly [RegExp, string]> = [
  [/\(\?P</g, "(?<"],
  [/(?<!\\)((?:\\\\)*)\\A/g, "$1^"],
  [/(?<!\\)((?:\\\\)*)\\z/g, "$1$$"],
  [/\[:alpha:\]/g, "a-zA-Z"],
  [/\[:digit:\]/g, "0-9"],
  [/\[:xdigit:\]/g, "0-9a-fA-F"],
  [/\[:alnum:\]/g, "0-9a-zA-Z"],
  [/\[:lower:\]/g, "a-z"],
  [/\[:upper:\]/g, "A-Z"],
  [/\[:punct:\]/g, "!-\\/:-@\\[-`{-~"],
];

/** Flags for the whole of a pattern: JavaScript has them beside it. */
const LEADING_FLAGS = /^\(\?([ims]+)\)/;

/**
 * A regular expression as flanneld's flags take it, in the syntax of Go.
 *
 * @returns null when it is none
 *
 * Source: https://pkg.go.dev/regexp/syntax
 */
export function goRegExp(pattern: string): RegExp | null {
  const flags = LEADING_FLAGS.exec(pattern)?.[1] ?? "";
  const body = SPELLINGS.reduce(
    (text, [go, here]) => text.replace(go, here),
    pattern.replace(LEADING_FLAGS, ""),
  );
  // Go lets any punctuation be escaped, which only the form without "u" does;
  // that form takes more than Go in turn, but nothing that Go reads otherwise.
  return compiled(body, flags + "u") ??
    (ESCAPED_PUNCTUATION.test(body) ? compiled(body, flags) : null);
}

const ESCAPED_PUNCTUATION = /\\[-_"'#%&,:;<=>@`~! ]/;

function compiled(body: string, flags: string): RegExp | null {
  try {
    return new RegExp(body, [...new Set(flags)].join(""));
  } catch {
    return null;
  }
}
