import type { Action, Plan, Refusal } from "../fixes/action.ts";
import { FIX_TEXT, type FixText } from "../fixes/text.ts";
import { type Painter, painter } from "./glyphs.ts";
import type { TextStyle } from "./report.ts";
import { fillTemplate } from "./template.ts";

/** More actions of one kind than this are counted, not listed. */
const SHOWN = 40;

/** What a repair would do, as commands a person could type, and what it leaves. */
export function renderPlan(plan: Plan, style: TextStyle): string {
  const text = FIX_TEXT[style.language];
  const paint = painter(style.color);
  return [
    ...plan.actions.length > 0 ? [paint("bold", text.plan)] : [],
    ...byCode(plan.actions).flatMap((group) => groupLines(group, text, paint)),
    ...refusalLines(plan.refusals, text, paint),
  ].map((line) => `${line}\n`).join("");
}

function byCode(actions: readonly Action[]): Action[][] {
  const groups = new Map<string, Action[]>();
  for (const action of actions) {
    const key = `${action.fix} ${action.code}`;
    groups.set(key, [...groups.get(key) ?? [], action]);
  }
  return [...groups.values()];
}

function groupLines(
  group: readonly Action[],
  text: FixText,
  paint: Painter,
): string[] {
  const [first] = group;
  if (first === undefined) return [];
  const risk = first.risk === "safe" ? "" : `, ${text.risks[first.risk]}`;
  const outlives = [
    ...new Set(group.flatMap((action) => action.survives ?? [])),
  ]
    .map((what) => `, ${text.survives[what]}`).join("");
  const head = `  ${first.code} --${first.fix}${risk}${outlives}`;
  const commands = group.flatMap((action) => action.commands);
  const shown = commands.slice(0, SHOWN).map((line) => `    ${line}`);
  const rest = commands.length - SHOWN;
  return [paint("bold", head), ...shown, ...rest > 0 ? [`    … +${rest}`] : []];
}

function refusalLines(
  refusals: readonly Refusal[],
  text: FixText,
  paint: Painter,
): string[] {
  if (refusals.length === 0) return [];
  const lines = refusals.map((refusal) => {
    const template = text.refusals[refusal.reason] ?? refusal.reason;
    return `  ${refusal.code} ${fillTemplate(template, refusal.arguments)}`;
  });
  return [paint("bold", text.leaves), ...new Set(lines)];
}
