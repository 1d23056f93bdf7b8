import { ruleKey } from "./compare.ts";
import { chainKey, type FilledPlace } from "./rule_places.ts";

/** The same rule more than once in one chain. */
export interface DuplicateRules {
  /** The one that the kernel asks first. */
  readonly first: FilledPlace;
  /** The others, which no packet reaches for a rule that decides. */
  readonly surplus: readonly FilledPlace[];
}

/** Rules that are in their chain more than once; comments do not tell apart. */
export function duplicateRules(
  places: readonly FilledPlace[],
): readonly DuplicateRules[] {
  const groups = new Map<string, FilledPlace[]>();
  for (const place of places) {
    const key = `${chainKey(place)} ${ruleKey(place.rule)}`;
    const group = groups.get(key) ?? [];
    group.push(place);
    groups.set(key, group);
  }
  return [...groups.values()].filter((group) => group.length > 1)
    .map(([first, ...surplus]) => ({ first: first!, surplus }));
}
