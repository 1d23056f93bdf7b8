import { fillTemplate } from "../report/template.ts";
import { renderPlan } from "../report/plan.ts";
import { renderRepairEnd } from "../report/repair_end.ts";
import { collectFacts } from "../snapshot/collect.ts";
import { FIX_TEXT } from "../fixes/text.ts";
import { LockedError, StateError } from "../fixes/lock.ts";
import { stateDirectory } from "../fixes/journal.ts";
import { selectFixes } from "../fixes/mod.ts";
import { repair, repairStatus } from "../fixes/repair.ts";
import { VERSION } from "../version.ts";
import { ask } from "./ask.ts";
import { type FlandocContext, styleOf } from "./context.ts";
import type { FixFlags } from "./fix.ts";
import { type FlagValues, givenFlags } from "./flannel_flags.ts";
import { progressOf } from "./progress.ts";
import { refusesContainer } from "./refuses_container.ts";
import { untilInterrupted } from "./until_interrupted.ts";

/** Plans, shows, asks, applies, verifies. */
export async function fix(
  this: FlandocContext,
  flags: FixFlags & FlagValues,
): Promise<void> {
  const style = styleOf(this, flags);
  const text = FIX_TEXT[style.language];
  const { stdout, stderr } = this.process;
  const progress = progressOf(this);
  try {
    const end = await repair({
      ...selectFixes(flags),
      dryRun: flags.dryRun ?? false,
      version: VERSION,
      state: stateDirectory(),
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
      during: (id, work) =>
        untilInterrupted(work, () => {
          progress.clear();
          stderr.write(`${fillTemplate(text.interrupted, { id })}\n`);
        }),
    });
    if (end.kind === "container") {
      refusesContainer(this, end.facts, style.language);
      return;
    }
    if (end.kind === "nothing" || end.kind === "planned") {
      stdout.write(renderPlan(end.plan, style));
    }
    stdout.write(renderRepairEnd(end, style));
    this.process.exitCode = repairStatus(end);
  } catch (error) {
    const isLocked = error instanceof LockedError;
    if (!isLocked && !(error instanceof StateError)) throw error;
    const said = isLocked ? text.locked : fillTemplate(text.state, {
      directory: error.directory,
      reason: error.reason,
    });
    stderr.write(`${said}\n`);
    this.process.exitCode = 3;
  }
}
