import type { Check } from "../checks/check.ts";
import { CATALOGUE, findCheck } from "../checks/mod.ts";
import { suggest } from "./suggest.ts";

/** A selection of checks, or why the words given do not name any. */
export type Selection =
  | { readonly selected: (check: Check) => boolean }
  | { readonly error: string };

/** Turns `--only` and `--skip` into a predicate. */
export function selectChecks(
  only: readonly string[] = [],
  skip: readonly string[] = [],
): Selection {
  const wanted = new Set<Check>();
  const unwanted = new Set<Check>();
  for (const [words, set] of [[only, wanted], [skip, unwanted]] as const) {
    for (const word of words) {
      const check = findCheck(word);
      if (check === undefined) {
        const names = CATALOGUE.flatMap((known) => [known.code, known.name]);
        return {
          error: `Cannot select check "${word}": ${suggest(word, names)}`,
        };
      }
      set.add(check);
    }
  }
  const selected = (check: Check) =>
    (wanted.size === 0 || wanted.has(check)) && !unwanted.has(check);
  return CATALOGUE.some(selected)
    ? { selected }
    : { error: "Cannot check anything: --skip leaves nothing to judge" };
}
