import { fillTemplate } from "../report/template.ts";
import { renderPlan } from "../report/plan.ts";
import { collectFacts } from "../snapshot/collect.ts";
import { FIX_TEXT } from "../fixes/text.ts";
import { LockedError } from "../fixes/lock.ts";
import { selectFixes } from "../fixes/mod.ts";
import { repair, type RepairEnd } from "../fixes/repair.ts";
import type { StepFailure } from "../fixes/execute.ts";
import { VERSION } from "../version.ts";
import { ask } from "./ask.ts";
import { type FlandocContext, styleOf } from "./context.ts";
import type { FixFlags } from "./fix.ts";
import { type FlagValues, givenFlags } from "./flannel_flags.ts";
import { progressOf } from "./progress.ts";

/** Plans, shows, asks, applies, verifies. */
export async function fix(
  this: FlandocContext,
  flags: FixFlags & FlagValues,
): Promise<void> {
  const style = styleOf(this, flags);
  const text = FIX_TEXT[style.language];
  const { stdout } = this.process;
  const progress = progressOf(this);
  const { fixes, named } = selectFixes(flags);
  try {
    const end = await repair({
      fixes,
      named,
      dryRun: flags.dryRun ?? false,
      version: VERSION,
      async collect() {
        const facts = await collectFacts({
          flags: givenFlags(flags),
          probe: flags.probe ?? true,
          onProgress: progress.show,
        });
        progress.clear();
        return facts;
      },
      confirm(plan) {
        stdout.write(renderPlan(plan, style));
        return flags.yes ? Promise.resolve(true) : ask(text.question);
      },
    });
    if (end.kind === "nothing" || end.kind === "planned") {
      stdout.write(renderPlan(end.plan, style));
    }
    stdout.write(endText(end, style.language));
    this.process.exitCode = statusOf(end);
  } catch (error) {
    if (
      !(error instanceof LockedError ||
        error instanceof Deno.errors.PermissionDenied)
    ) throw error;
    this.process.stderr.write(`${error.message}\n`);
    this.process.exitCode = 3;
  }
}

/** 0 nothing is left to repair, 1 something is. */
function statusOf(end: RepairEnd): number {
  if (end.kind === "applied") return end.left.length > 0 ? 1 : 0;
  if (end.kind === "nothing") return end.plan.refusals.length > 0 ? 1 : 0;
  return 1;
}

/** The closing lines: what was done, or why not. */
function endText(end: RepairEnd, language: keyof typeof FIX_TEXT): string {
  const text = FIX_TEXT[language];
  switch (end.kind) {
    case "nothing":
      return end.plan.refusals.length > 0 ? "" : `${text.nothing}\n`;
    case "planned":
      return `${text.dryRun}\n`;
    case "declined":
      return `${text.declined}\n`;
    case "moved":
      return `${text.moved}\n`;
    case "failed":
    case "worse": {
      const why = end.kind === "failed"
        ? fillTemplate(text.failed, { error: end.failure?.error ?? "" })
        : fillTemplate(text.worse, { codes: end.worse });
      const back = end.stuck.length === 0
        ? [text.rolledBack]
        : end.stuck.map((step) => stuckText(step, language));
      return [why, ...back].join("\n") + "\n";
    }
    case "applied":
      return [
        fillTemplate(text.applied, { count: end.entry.done, id: end.entry.id }),
        ...end.repaired.length > 0
          ? [fillTemplate(text.repaired, { codes: end.repaired })]
          : [],
        ...end.left.length > 0
          ? [fillTemplate(text.left, { codes: end.left })]
          : [],
        fillTemplate(text.undoHint, { id: end.entry.id }),
      ].join("\n") + "\n";
  }
}

/** A step that is still in force, with the command that takes it back. */
export function stuckText(
  step: StepFailure,
  language: keyof typeof FIX_TEXT,
): string {
  return fillTemplate(FIX_TEXT[language].stuck, {
    error: step.error,
    command: step.action.undoCommands.join("; "),
  });
}
