/**
 * Names close to what was typed, as the end of an error sentence.
 *
 * @returns `did you mean "masquerade-overlay"?` or a hint how to list all
 */
export function suggest(typed: string, names: readonly string[]): string {
  const wanted = typed.toLowerCase();
  const scored = names
    .map((name) => ({
      name,
      distance: editDistance(wanted, name.toLowerCase()),
    }))
    .filter(({ name, distance }) =>
      distance <= 2 ||
      (wanted.length > 3 && name.toLowerCase().includes(wanted))
    )
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3);
  if (scored.length === 0) {
    return "no such check; flandoc explain lists them all";
  }
  return `did you mean ${scored.map(({ name }) => `"${name}"`).join(" or ")}?`;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
