const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]] as const;

/**
 * A duration in its two greatest units, in symbols both languages read:
 * `1 h 5 min`. Negative ones count from zero.
 *
 * @param seconds whole or not; rounded down
 */
export function formatDuration(seconds: number): string {
  let rest = Math.max(0, Math.floor(seconds));
  const parts: string[] = [];
  for (const [symbol, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0 || (symbol === "s" && parts.length === 0)) {
      parts.push(`${count} ${symbol}`);
    }
  }
  return parts.slice(0, 2).join(" ");
}

/** Seconds from one RFC 3339 time to another. */
export function secondsBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}
