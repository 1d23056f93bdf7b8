import type { StepFailure } from "../fixes/execute.ts";
import type { RepairEnd } from "../fixes/repair.ts";
import { FIX_TEXT, type FixText } from "../fixes/text.ts";
import type { TextStyle } from "./report.ts";
import { fillTemplate } from "./template.ts";

/** The closing lines of a repair: what was done, or why not. */
export function renderRepairEnd(end: RepairEnd, style: TextStyle): string {
  const text = FIX_TEXT[style.language];
  return linesOf(end, text).map((line) => `${line}\n`).join("");
}

function linesOf(end: RepairEnd, text: FixText): string[] {
  switch (end.kind) {
    case "nothing": {
      const isClear = end.left.length === 0 && end.plan.refusals.length === 0;
      return isClear ? [text.nothing] : leftLines(end.left, text);
    }
    case "container":
      // An error of the call, for stderr: the command says it.
      return [];
    case "planned":
      return [...leftLines(end.left, text), text.dryRun];
    case "declined":
      return [text.declined];
    case "moved":
      return [text.moved];
    case "failed":
    case "worse":
      return [
        end.failure === null
          ? fillTemplate(text.worse, { codes: end.worse })
          : fillTemplate(text.failed, { error: end.failure.error }),
        ...end.stuck.length === 0
          ? [text.rolledBack]
          : stuckLines(end.stuck, text),
      ];
    case "applied":
      return appliedLines(end, text);
  }
}

function appliedLines(
  { entry, repaired, left, pruned }: Extract<RepairEnd, { kind: "applied" }>,
  text: FixText,
): string[] {
  const { actions } = entry;
  const outlives = [
    ...new Set(actions.flatMap((action) => action.survives ?? [])),
  ].map((what) => text.survives[what]);
  const { id } = entry;
  return [
    fillTemplate(text.applied, { count: actions.length, id }),
    ...repaired.length > 0
      ? [fillTemplate(text.repaired, { codes: repaired })]
      : [],
    ...actions.some(({ fix }) => fix === "snat") ? [text.newFlows] : [],
    ...outlives.length > 0 ? [fillTemplate(text.lasts, { outlives })] : [],
    ...leftLines(left, text),
    ...pruned.length > 0 ? [fillTemplate(text.pruned, { ids: pruned })] : [],
    fillTemplate(text.undoHint, { id }),
  ];
}

function leftLines(left: readonly string[], text: FixText): string[] {
  return left.length > 0 ? [fillTemplate(text.left, { codes: left })] : [];
}

/** Steps that are still in force, each with what takes it back by hand. */
export function stuckLines(
  steps: readonly StepFailure[],
  text: FixText,
): string[] {
  return steps.flatMap(({ error, action }) => [
    fillTemplate(text.stuck, { error }),
    ...action.undoCommands.map((command) => `    ${command}`),
  ]);
}
