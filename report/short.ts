import { severityOf } from "../checks/engine.ts";
import { summarize } from "../checks/summary.ts";
import { valueOf } from "../snapshot/fact.ts";
import { reasonText } from "./reason.ts";
import type { Report, TextStyle } from "./report.ts";
import { messageOf } from "./template.ts";

/**
 * One line a finding, unknown or crashed check, made for pasting into a chat or
 * for grep: `host FD601 masquerade-overlay error: sentence`. Nothing wrong
 * prints one line with the count.
 */
export function renderShort(
  reports: readonly Report[],
  style: TextStyle,
): string {
  return reports.flatMap((report) => shortLines(report, style)).join("\n") +
    "\n";
}

function shortLines(report: Report, style: TextStyle): string[] {
  const host = valueOf(report.facts.host)?.hostname ?? "?";
  const lines: string[] = [];
  for (const result of report.results) {
    const name = `${host} ${result.check.code} ${result.check.name}`;
    for (const finding of result.findings) {
      const message = messageOf(result.check, finding, style.language);
      lines.push(`${name} ${severityOf(result.check, finding)}: ${message}`);
    }
    if (result.verdict === "unknown" || result.verdict === "crashed") {
      const reason = reasonText(result, style.language) ?? "";
      lines.push(`${name} ${result.verdict}: ${firstLine(reason)}`);
    }
  }
  if (lines.length > 0) return lines;
  const { ok, skipped } = summarize(report.results);
  return [`${host} ok: ${ok} ok, ${skipped} skipped`];
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
