import { FIX_TEXT, type FixText } from "../fixes/text.ts";
import type { Conflict, UndoEnd, UndoPlan } from "../fixes/undo.ts";
import { commandLines } from "./command_lines.ts";
import { stuckLines } from "./repair_end.ts";
import type { TextStyle } from "./report.ts";
import { fillTemplate } from "./template.ts";

/** What an undo would take back, as commands a person could type. */
export function renderUndoPlan(plan: UndoPlan, style: TextStyle): string {
  return textOf(planLines(plan, FIX_TEXT[style.language]));
}

/** How an undo ended. */
export function renderUndoEnd(end: UndoEnd, style: TextStyle): string {
  return textOf(endLines(end, FIX_TEXT[style.language]));
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

function planLines({ entry, steps }: UndoPlan, text: FixText): string[] {
  const { id, time } = entry;
  const template = steps.length === 0 ? text.undoNothing : text.undoPlan;
  return [
    fillTemplate(template, { id, time }),
    ...commandLines(steps.flatMap(({ undoCommands }) => undoCommands)),
  ];
}

function endLines(end: UndoEnd, text: FixText): string[] {
  switch (end.kind) {
    case "problem":
      return [fillTemplate(text[end.problem], end.arguments)];
    case "planned":
      return [...planLines(end.plan, text), text.dryRun];
    case "declined":
      return [text.declined];
    case "moved":
      return [text.moved];
    case "conflict": {
      const { id } = end.plan.entry;
      return [
        fillTemplate(text.undoConflict, { id }),
        ...end.plan.conflicts.flatMap((each) => conflictLines(each, text)),
      ];
    }
    case "undone": {
      const { id } = end.plan.entry;
      return end.stuck.length === 0 ? [fillTemplate(text.undone, { id })] : [
        ...stuckLines(end.stuck, text),
        fillTemplate(text.undoPartly, { id }),
      ];
    }
  }
}

/** What was changed, and what to type instead for the host as it is. */
function conflictLines(
  { action, commands }: Conflict,
  text: FixText,
): string[] {
  return [
    ...action.commands.slice(0, 2).map((command) =>
      `  ${fillTemplate(text.conflict, { command })}`
    ),
    ...commands.length > 0 ? [`  ${text.byHand}`] : [],
    ...commandLines(commands),
  ];
}
