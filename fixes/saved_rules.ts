import type { RulePair } from "./drop_in.ts";

/**
 * Text of `iptables-save` with Docker's rule scoped: each unscoped copy goes,
 * the scoped one stands where the first was, else first in nat POSTROUTING.
 * Counters and all other lines stay as they are.
 */
export function scopeSavedRules(
  text: string,
  { unscoped, scoped }: Pick<RulePair, "scoped" | "unscoped">,
): string {
  const isRule = (line: string, rule: string) =>
    line.replace(/^\[\d+:\d+\] /, "").trim() === `-A POSTROUTING ${rule}`;
  const lines = text.split("\n");
  let placed = lines.some((line) => isRule(line, scoped));
  const kept = lines.flatMap((line) => {
    if (!isRule(line, unscoped)) return [line];
    if (placed) return [];
    placed = true;
    return [`-A POSTROUTING ${scoped}`];
  });
  return placed ? kept.join("\n") : insertFirst(kept, scoped).join("\n");
}

/** Before the first rule of nat POSTROUTING, else before that table's end. */
function insertFirst(lines: readonly string[], scoped: string): string[] {
  const start = lines.indexOf("*nat");
  if (start < 0) return [...lines];
  const rest = lines.slice(start);
  const first = rest.findIndex((line) =>
    /^(\[\d+:\d+\] )?-A POSTROUTING /.test(line)
  );
  const end = rest.indexOf("COMMIT");
  const at = start + (first >= 0 && first < end ? first : end);
  return [
    ...lines.slice(0, at),
    `-A POSTROUTING ${scoped}`,
    ...lines.slice(at),
  ];
}
