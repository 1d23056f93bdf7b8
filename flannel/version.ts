/**
 * flannel's version numbers.
 *
 * @module
 */

/** The version flandoc follows where none is known. */
export const FLANNEL_LATEST = "0.28.9";

/** `v0.11.0`, `0.18` or `v0.28.9-3-gabc` as three numbers, or null. */
export function parseVersion(
  text: string,
): readonly [number, number, number] | null {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?(?![\d.])/.exec(text.trim());
  if (match === null) return null;
  return [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

/**
 * Whether `version` is `wanted` or newer. A version that cannot be read, as
 * of a build from a branch, is taken for the latest.
 */
export function atLeast(version: string, wanted: string): boolean {
  const a = parseVersion(version);
  const b = parseVersion(wanted);
  if (b === null) throw new SyntaxError(`Cannot parse version: "${wanted}"`);
  if (a === null) return true;
  return a[0] !== b[0]
    ? a[0] > b[0]
    : a[1] !== b[1]
    ? a[1] > b[1]
    : a[2] >= b[2];
}
