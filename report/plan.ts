import type { Action, Plan, Refusal } from "../fixes/action.ts";
import { FIX_TEXT, type FixText } from "../fixes/text.ts";
import { commandLines } from "./command_lines.ts";
import { type Painter, painter } from "./glyphs.ts";
import type { TextStyle } from "./report.ts";
import { fillTemplate } from "./template.ts";

/** What a repair would do, as commands a person could type, and what it leaves. */
export function renderPlan(plan: Plan, style: TextStyle): string {
  const text = FIX_TEXT[style.language];
  const paint = painter(style.color);
  return [
    ...plan.actions.length > 0 ? [paint("bold", text.plan)] : [],
    ...byCode(plan.actions).flatMap((group) => groupLines(group, text, paint)),
    ...leftLines(plan, text, paint),
  ].map((line) => `${line}\n`).join("");
}

/** Actions of one fix for one code, and of one risk, in order. */
function byCode(actions: readonly Action[]): Action[][] {
  return [
    ...Map.groupBy(actions, ({ fix, code, risk }) => `${fix} ${code} ${risk}`)
      .values(),
  ];
}

/** `FD610 --persist, survives a reboot`. */
function headOf(group: readonly Action[], text: FixText): string {
  const [first] = group;
  if (first === undefined) return "";
  const outlives = new Set(group.flatMap((action) => action.survives ?? []));
  return [
    `${first.code} --${first.fix}`,
    ...first.risk === "safe" ? [] : [text.risks[first.risk]],
    ...[...outlives].map((what) => text.survives[what]),
  ].join(text.comma);
}

function groupLines(
  group: readonly Action[],
  text: FixText,
  paint: Painter,
): string[] {
  return [
    paint("bold", `  ${headOf(group, text)}`),
    ...commandLines(group.flatMap((action) => action.commands)),
  ];
}

/** What is left as it is, and why; one line for codes with the same reason. */
function leftLines(
  { refusals, withheld = [] }: Plan,
  text: FixText,
  paint: Painter,
): string[] {
  const lines = [
    ...Map.groupBy(refusals, (refusal) => reasonOf(refusal, text)),
  ].map(([reason, group]) => `  ${codesOf(group)}${text.colon}${reason}`);
  const named = byCode(withheld).map((group) =>
    `  ${fillTemplate(text.withheld, { action: headOf(group, text) })}`
  );
  return lines.length + named.length === 0
    ? []
    : [paint("bold", text.leaves), ...lines, ...named];
}

function reasonOf(refusal: Refusal, text: FixText): string {
  const template = text.refusals[refusal.reason] ?? refusal.reason;
  return fillTemplate(template, refusal.arguments);
}

function codesOf(refusals: readonly Refusal[]): string {
  return [...new Set(refusals.map(({ code }) => code))].join(" ");
}
