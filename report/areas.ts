import { type Area, areaOf } from "../checks/area.ts";
import type { CheckResult } from "../checks/engine.ts";
import { severityOf } from "../checks/engine.ts";
import { glyphOf, type Painter } from "./glyphs.ts";
import type { Strings } from "./strings.ts";
import { displayWidth, padEndColumns } from "./width.ts";

/** Columns of one cell: two cells stand side by side. */
const CELL_COLUMNS = 36;
const NAME_COLUMNS = 22;
/** Two cells, the longest count of the second included. */
const TWO_CELLS = 2 * CELL_COLUMNS;

/**
 * The overview: one cell an area, two cells a line where there is room. The
 * number is of checks that are ok; anything that is not is counted against the
 * area's total, so an area never looks better than what was looked at.
 */
export function areaLines(
  results: readonly CheckResult[],
  strings: Strings,
  paint: Painter,
  columns: number,
): string[] {
  const cells = [...groupByArea(results)].map(([area, members]) =>
    areaCell(area, members, strings, paint)
  );
  if (columns < TWO_CELLS) return cells.map(({ text }) => `  ${text}`);
  const half = Math.ceil(cells.length / 2);
  return Array.from({ length: half }, (_, row) => {
    const left = cells[row];
    const right = cells[row + half];
    const gap = " ".repeat(Math.max(1, CELL_COLUMNS - (left?.columns ?? 0)));
    return `  ${left?.text}${right ? gap + right.text : ""}`;
  });
}

function groupByArea(
  results: readonly CheckResult[],
): Map<Area, CheckResult[]> {
  const groups = new Map<Area, CheckResult[]>();
  for (const result of results) {
    const area = areaOf(result.check.code);
    groups.set(area, [...groups.get(area) ?? [], result]);
  }
  return groups;
}

interface Cell {
  readonly text: string;
  readonly columns: number;
}

function areaCell(
  area: Area,
  members: readonly CheckResult[],
  strings: Strings,
  paint: Painter,
): Cell {
  const judged = members.filter((member) => member.verdict !== "skipped");
  const ok = judged.filter((member) => member.verdict === "ok").length;
  const { mark, ink } = worst(judged);
  const name = padEndColumns(strings.areas[area], NAME_COLUMNS);
  const count = tally(judged, ok, strings);
  const plain = `${mark} ${name}${count}`;
  return {
    text: `${paint(ink, mark)} ${name}${count}`,
    columns: displayWidth(plain),
  };
}

function tally(
  judged: readonly CheckResult[],
  ok: number,
  strings: Strings,
): string {
  if (judged.length === 0) return strings.verdicts.skipped;
  const bad = judged.length - ok;
  if (bad === 0) return String(ok).padStart(2);
  return `${String(bad).padStart(2)} ${strings.of} ${judged.length}`;
}

/** The mark an area gets: the gravest of its members. */
function worst(judged: readonly CheckResult[]) {
  if (judged.length === 0) return glyphOf("skipped", "info");
  const grades = judged.flatMap((member) =>
    member.findings.map((finding) => severityOf(member.check, finding))
  );
  if (judged.some((member) => member.verdict === "crashed")) {
    return glyphOf("crashed", "error");
  }
  if (grades.includes("error")) return glyphOf("failed", "error");
  if (judged.some((member) => member.verdict === "unknown")) {
    return glyphOf("unknown", "error");
  }
  if (grades.includes("warning")) return glyphOf("failed", "warning");
  return grades.length > 0 ? glyphOf("failed", "info") : glyphOf("ok", "info");
}
