/**
 * What fixes plan from facts, as the commands an administrator would read.
 *
 * @module
 */
import type { FixName } from "../../checks/check.ts";
import type { Action, Plan } from "../../fixes/action.ts";
import type { FileState } from "../../fixes/fix.ts";
import { FIXES } from "../../fixes/mod.ts";
import { look, planAll } from "../../fixes/repair.ts";
import { FIX_TEXT } from "../../fixes/text.ts";
import { fillTemplate } from "../../report/template.ts";
import type { Facts } from "../../snapshot/facts.ts";

/** How {@linkcode planned} plans. */
export interface PlannedOptions {
  /** Files there are, by path. @default none */
  readonly files?: Readonly<Record<string, FileState>>;
}

/** The plan of the fixes named; of none named, of all. */
export function planned(
  facts: Facts,
  names: readonly FixName[] = [],
  { files = {} }: PlannedOptions = {},
): Plan {
  const fixes = FIXES.filter(({ name }) =>
    names.length === 0 || names.includes(name)
  );
  const input = { ...look(facts), file: (path: string) => files[path] ?? null };
  return planAll(input, { fixes, named: names.length > 0 });
}

/** The commands of a plan, then what it leaves, in lines. */
export function planLines(plan: Plan): string[] {
  return [
    ...plan.actions.flatMap(({ commands }) => commands),
    ...plan.refusals.map(({ code, reason, arguments: told }) => {
      const [en = "", zh = ""] = (["en", "zh"] as const).map((language) =>
        fillTemplate(FIX_TEXT[language].refusals[reason] ?? "", told)
      );
      if (en === "" || zh === "") throw new Error(`No text for "${reason}"`);
      return `${code}: ${en}`;
    }),
    ...(plan.withheld ?? []).flatMap((action) => withheldLines(action)),
  ];
}

function withheldLines({ code, commands, risk }: Action): string[] {
  return commands.map((command) => `(${code} ${risk}) ${command}`);
}

/** The commands that take a plan's actions back, the last first. */
export function undoLines(plan: Plan): string[] {
  return [...plan.actions].reverse().flatMap((each) => each.undoCommands);
}
