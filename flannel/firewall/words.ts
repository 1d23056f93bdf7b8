/**
 * Words of a line of iptables-save, whose quoting is not the shell's: only
 * double quotes, and a backslash inside them escapes a quote, an apostrophe
 * or a backslash (iptables `xtables_save_string`).
 *
 * @module
 */

/** One word. A quoted word is never an option. */
export interface Word {
  readonly text: string;
  readonly quoted: boolean;
}

/**
 * Splits a line into words.
 *
 * @throws {SyntaxError} when a quote is not closed
 */
export function splitWords(line: string): Word[] {
  const words: Word[] = [];
  let at = 0;
  while (at < line.length) {
    if (/\s/.test(line[at]!)) {
      at++;
      continue;
    }
    let text = "";
    let quoted = false;
    while (at < line.length && !/\s/.test(line[at]!)) {
      if (line[at] !== '"') {
        text += line[at++];
        continue;
      }
      quoted = true;
      at++;
      while (line[at] !== '"') {
        if (at >= line.length) {
          throw new SyntaxError(
            `Cannot split rule: expected a closing quote in '${line}'`,
          );
        }
        if (line[at] === "\\" && at + 1 < line.length) at++;
        text += line[at++];
      }
      at++;
    }
    words.push({ text, quoted });
  }
  return words;
}

/** A word as iptables-save prints it: quoted only when it has to be. */
export function quoteWord(text: string): string {
  if (text !== "" && /^[A-Za-z0-9_./:,=+@%^*!#-]*$/.test(text)) return text;
  return `"${text.replace(/["'\\]/g, "\\$&")}"`;
}

/**
 * The same rule in the same words whatever its spacing and quoting: what
 * iptables takes as one rule specification has one such text.
 *
 * @throws {SyntaxError} when a quote is not closed
 */
export function sameWords(line: string): string {
  return splitWords(line).map((word) => JSON.stringify(word.text)).join(" ");
}
