import { splitWords } from "./words.ts";

/** Words the shell leaves alone; a lone `!` is no history either. */
const PLAIN = /^(!|[\w@%+=:,./-]+)$/;

/**
 * A rule of iptables as a person types it in a POSIX shell. What iptables-save
 * prints is quoted for iptables-restore: a shell reads `\'` in double quotes
 * as two characters, and runs what stands in a comment behind a dollar sign.
 *
 * @param text a rule as iptables-save prints it
 */
export function typedRule(text: string): string {
  if (!/["'\\$`;&|<>(){}*?#~[\]]/.test(text)) return text;
  try {
    return splitWords(text).map((word) => typedWord(word.text)).join(" ");
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** In double quotes, as iptables-save prints it, wherever that is the same. */
function typedWord(word: string): string {
  if (PLAIN.test(word)) return word;
  if (!/["'\\$`!]/.test(word)) return `"${word}"`;
  return `'${word.replaceAll("'", "'\\''")}'`;
}
