/**
 * The report a person reads in a terminal: a pure function from a report to
 * lines.
 *
 * @module
 */
import type { CheckResult } from "../checks/engine.ts";
import { severityOf } from "../checks/engine.ts";
import type { Check, Finding, Severity } from "../checks/check.ts";
import { summarize } from "../checks/summary.ts";
import { areaLines } from "./areas.ts";
import { glyphOf, type Painter, painter } from "./glyphs.ts";
import { headerLine } from "./header.ts";
import { labelOf } from "./labels.ts";
import { reasonText } from "./reason.ts";
import { onlyLooks } from "./looks.ts";
import type { Report, TextStyle } from "./report.ts";
import { settingLines } from "./settings.ts";
import { STRINGS, type Strings } from "./strings.ts";
import { fillTemplate, messageOf } from "./template.ts";
import { padEndColumns, wrapColumns } from "./width.ts";

/** Columns of evidence labels. */
const LABEL_COLUMNS = 11;

/** Draws reports one below the other. */
export function renderText(
  reports: readonly Report[],
  style: TextStyle,
): string {
  return reports.map((report) => reportLines(report, style).join("\n"))
    .join("\n\n") + "\n";
}

function reportLines(report: Report, style: TextStyle): string[] {
  const strings = STRINGS[style.language];
  const paint = painter(style.color);
  return [
    paint("bold", headerLine(report.facts, strings)),
    "",
    ...areaLines(report.results, strings, paint, style.columns),
    "",
    ...report.results.flatMap((result) => findingLines(result, style)),
    ...unknownLines(report.results, style),
    ...mootLines(report.results, style),
    ...crashLines(report.results, style),
    ...(style.verbose ? verboseLines(report, style) : []),
    footer(report, strings, paint),
  ];
}

function gravest(result: CheckResult): Severity {
  const grades = result.findings.map((f) => severityOf(result.check, f));
  if (grades.includes("error")) return "error";
  return grades.includes("warning") ? "warning" : "info";
}

function findingLines(result: CheckResult, style: TextStyle): string[] {
  if (result.verdict !== "failed") return [];
  const paint = painter(style.color);
  const { mark, ink } = glyphOf("failed", gravest(result));
  const { check } = result;
  const head = `${paint(ink, mark)} ${paint("bold", check.code)} ${check.name}`;
  const bodies = result.findings.flatMap((finding, index) => [
    ...oneFinding(check, finding, style),
    ...commandLines(result, index, style),
  ]);
  return [head, ...bodies, ...repairLine(result, style), ""];
}

function oneFinding(check: Check, finding: Finding, style: TextStyle) {
  const sentences = wrapColumns(
    messageOf(check, finding, style.language),
    style.columns - 2,
  );
  const evidence = finding.evidence.map(({ label, text }) =>
    labelled(labelOf(label, style.language), text, style)
  );
  return [...sentences.map((line) => `  ${line}`), ...evidence];
}

/** Whether `flandoc fix` answers a finding. */
function hasFix(check: Check, finding: Finding | undefined): boolean {
  return check.fix !== undefined && finding?.fix !== null;
}

/** What a person would type; findings in a row that share it, share it. */
function commandLines(
  { check, findings }: CheckResult,
  at: number,
  style: TextStyle,
): string[] {
  const commands = findings[at]?.commands ?? [];
  const next = findings[at + 1]?.commands;
  const shared = next !== undefined &&
    commands.join("\n") === next.join("\n");
  if (hasFix(check, findings[at]) || shared) return [];
  const { repair, look } = STRINGS[style.language];
  const labels = commands.map((each) => onlyLooks(each) ? look : repair);
  return commands.map((command, index) => {
    const label = labels[index] ?? "";
    return labelled(label === labels[index - 1] ? "" : label, command, style);
  });
}

function labelled(label: string, text: string, style: TextStyle): string {
  const paint = painter(style.color);
  return `    ${
    paint("gray", padEndColumns(`${label} `, LABEL_COLUMNS))
  }${text}`;
}

function repairLine(result: CheckResult, style: TextStyle): string[] {
  const strings = STRINGS[style.language];
  const { check } = result;
  if (result.findings.some((finding) => hasFix(check, finding))) {
    const command = `flandoc fix --${check.fix}`;
    const hint = `(${strings.repairByHand}: ${strings.byHand} ${check.code})`;
    return [labelled(strings.repair, `${command}   ${hint}`, style)];
  }
  const commands = result.findings.flatMap((finding) => finding.commands);
  if (!commands.every(onlyLooks)) return [];
  return [labelled(strings.repair, `${strings.byHand} ${check.code}`, style)];
}

/** Checks that share a reason are named together: the reason is what matters. */
function unknownLines(
  results: readonly CheckResult[],
  style: TextStyle,
): string[] {
  const byReason = new Map<string, string[]>();
  for (const result of results) {
    if (result.verdict !== "unknown") continue;
    const reason = reasonText(result, style.language) ?? "";
    byReason.set(reason, [...byReason.get(reason) ?? [], result.check.code]);
  }
  if (byReason.size === 0) return [];
  const { mark, ink } = glyphOf("unknown", "error");
  const paint = painter(style.color);
  const title = STRINGS[style.language].unknownTitle;
  const groups = [...byReason].flatMap(([reason, codes]) => [
    ...wrapColumns(reason, style.columns - 2).map((line) => `  ${line}`),
    ...wrapColumns(codes.join(" "), style.columns - 4).map((l) => `    ${l}`),
  ]);
  return [`${paint(ink, mark)} ${paint("bold", title)}`, ...groups, ""];
}

/** How many checks wait for a repair: not judged is not the same as well. */
function mootLines(
  results: readonly CheckResult[],
  style: TextStyle,
): string[] {
  const byCause = new Map<string, number>();
  for (const { reason } of results) {
    if (reason?.kind !== "moot") continue;
    byCause.set(reason.after, (byCause.get(reason.after) ?? 0) + 1);
  }
  if (byCause.size === 0) return [];
  const { mark, ink } = glyphOf("skipped", "info");
  const paint = painter(style.color);
  const { moot } = STRINGS[style.language];
  const lines = [...byCause].map(([cause, count]) => {
    const words = count === 1 ? moot.one : moot.many;
    const sentence = fillTemplate(words, { count, cause });
    return `${paint(ink, mark)} ${sentence}`;
  });
  return [...lines, ""];
}

function crashLines(
  results: readonly CheckResult[],
  style: TextStyle,
): string[] {
  const strings = STRINGS[style.language];
  const paint = painter(style.color);
  const { mark, ink } = glyphOf("crashed", "error");
  return results.filter((result) => result.verdict === "crashed").flatMap(
    (result) => {
      const trace = (reasonText(result, style.language) ?? "").split("\n");
      const shown = style.verbose ? trace : trace.slice(0, 1);
      const head = `${paint(ink, mark)} ${paint("bold", result.check.code)} ` +
        `${result.check.name}: ${strings.crashedTitle}`;
      const hint = style.verbose ? [] : [`  ${strings.crashedHint}`];
      return [head, ...shown.map((line) => `    ${line.trim()}`), ...hint, ""];
    },
  );
}

function verboseLines(report: Report, style: TextStyle): string[] {
  const strings = STRINGS[style.language];
  const paint = painter(style.color);
  const rows = report.results.map((result) => {
    const { mark, ink } = glyphOf(result.verdict, gravest(result));
    const { code, name } = result.check;
    // The title names the fault: beside a tick it would read as one.
    const tail = result.verdict === "skipped"
      ? paint("gray", `  (${reasonText(result, style.language)})`)
      : "";
    return `  ${paint(ink, mark)} ${code.padEnd(7)}${name}${tail}`;
  });
  return [...rows, "", ...settingLines(report.facts, strings), ""];
}

/** Verdicts by number and the time taken, most telling first. */
export function footer(
  report: Report,
  strings: Strings,
  paint: Painter,
): string {
  const summary = summarize(report.results);
  const counts =
    (["ok", "errors", "warnings", "unknown", "skipped", "crashed"] as const)
      .filter((name) => summary[name] > 0 || name === "ok")
      .map((name) => {
        const count = summary[name];
        const words = strings.counts[name];
        return `${count} ${count === 1 ? words.one : words.many}`;
      });
  const seconds = `${(report.elapsedMs / 1000).toFixed(2)} s`;
  return paint("bold", [...counts, seconds].join(" · "));
}
