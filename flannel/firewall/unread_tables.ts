import type { Ruleset } from "./rule.ts";

/**
 * Why rules that matter are not known: tables that are there and that nobody
 * could read.
 *
 * @param matters whether packets meet tables of that family
 */
export function unreadTables(
  rulesets: readonly Ruleset[],
  matters: (family: string) => boolean = () => true,
): readonly string[] {
  return rulesets.flatMap(({ backend, unread }) =>
    (unread ?? []).filter(({ family }) => matters(family))
      .map(({ reason }) => `${backend}: ${reason}`)
  );
}
