import type { Finding } from "./check.ts";

/** More things of one kind than this are one finding with their number. */
export const FINDING_LIMIT = 10;

/**
 * One finding a thing while a person would still read them all, else one for
 * all of them: 5,000 missing routes are one sentence with a number.
 *
 * @param one the finding for one thing
 * @param many the finding for all of them
 */
export function groupFindings<T>(
  things: readonly T[],
  one: (thing: T) => Finding,
  many: (things: readonly T[]) => Finding,
): Finding[] {
  if (things.length > FINDING_LIMIT) return [many(things)];
  return things.map(one);
}
