/**
 * An agent's flags out of its command line, as texts.
 *
 * @module
 */
import { parseFlags } from "../flannel/flags.ts";

/** Values by flag name without dashes, in the order given. */
export type FlagValues = ReadonlyMap<string, readonly string[]>;

/** Which etcd API `flandoc run` and `flandoc check` read; flanneld has no such flag. */
export const ETCD_API = "etcd-api";

/**
 * Words after the program: all of flanneld's, those after `run` of flandoc's.
 */
export function agentWords(argv: readonly string[]): readonly string[] {
  const run = argv.indexOf("run", 1);
  // `deno run -A main.ts run`: the second one is flandoc's. The portable form
  // runs `main.js`.
  for (let at = run; at > 0; at = argv.indexOf("run", at + 1)) {
    const program = argv[at - 1] ?? "";
    if (/(?:^|\/)(?:flandoc(?:\.[cm]?[jt]s)?|main\.[jt]s)$/.test(program)) {
      return argv.slice(at + 1);
    }
  }
  return argv.slice(1);
}

/** Flags of a running agent's command line, flanneld's or `flandoc run`'s. */
export function agentFlags(argv: readonly string[]): FlagValues {
  const words = agentWords(argv);
  const values = new Map(parseFlags(words).values);
  const at = words.findIndex((word) => /^--?etcd-api(?:=|$)/.test(word));
  if (at >= 0) {
    const word = words[at] ?? "";
    const value = word.includes("=")
      ? word.slice(word.indexOf("=") + 1)
      : words[at + 1] ?? "";
    values.set(ETCD_API, [value]);
  }
  return values;
}
