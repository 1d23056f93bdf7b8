import { undoEntry } from "../fixes/execute.ts";
import {
  Journal,
  type JournalEntry,
  stateDirectory,
} from "../fixes/journal.ts";
import { LockedError, withLock } from "../fixes/lock.ts";
import { FIX_TEXT } from "../fixes/text.ts";
import { chooseEntry, currentPlace } from "../fixes/undo.ts";
import type { TextStyle } from "../report/report.ts";
import { fillTemplate } from "../report/template.ts";
import { ask } from "./ask.ts";
import { type FlandocContext, styleOf } from "./context.ts";
import { stuckText } from "./fix_main.ts";
import type { UndoFlags } from "./undo.ts";

/** Shows what a journalled repair changed, asks, takes it back. */
export async function undo(
  this: FlandocContext,
  flags: UndoFlags,
  id?: string,
): Promise<void> {
  const style = styleOf(this, flags);
  const text = FIX_TEXT[style.language];
  const { stdout, stderr } = this.process;
  const journal = new Journal();
  try {
    if (flags.list) {
      stdout.write(journal.read().map(listLine).join(""));
      return;
    }
    const choice = chooseEntry(journal.read(), id, currentPlace());
    if ("problem" in choice) {
      stderr.write(`${fillTemplate(text[choice.problem], choice.arguments)}\n`);
      this.process.exitCode = choice.problem === "nothingToUndo" ? 1 : 2;
      return;
    }
    stdout.write(planText(choice.entry, style));
    if (flags.dryRun) {
      stdout.write(`${text.dryRun}\n`);
      this.process.exitCode = 1;
      return;
    }
    if (!flags.yes && !await ask(text.question)) {
      stdout.write(`${text.declined}\n`);
      this.process.exitCode = 1;
      return;
    }
    const { entry, stuck } = await withLock(
      stateDirectory(),
      () => undoEntry(choice.entry, journal),
    );
    stdout.write(
      stuck.map((step) => `${stuckText(step, style.language)}\n`).join(""),
    );
    const said = stuck.length === 0 ? text.undone : text.undoPartly;
    stdout.write(`${fillTemplate(said, { id: entry.id })}\n`);
    this.process.exitCode = stuck.length === 0 ? 0 : 1;
  } catch (error) {
    const expected = error instanceof LockedError ||
      error instanceof SyntaxError ||
      error instanceof Deno.errors.PermissionDenied;
    if (!expected) throw error;
    stderr.write(`${error.message}\n`);
    this.process.exitCode = 3;
  }
}

function listLine(entry: JournalEntry): string {
  const codes = [...new Set(entry.actions.map(({ code }) => code))].join(" ");
  return `${entry.id}  ${
    entry.state.padEnd(11)
  }  ${entry.actions.length} changes  ${codes}\n`;
}

function planText(entry: JournalEntry, style: TextStyle): string {
  const head = fillTemplate(FIX_TEXT[style.language].undoPlan, {
    id: entry.id,
    time: entry.time,
  });
  const commands = entry.actions.slice(0, entry.done).reverse()
    .flatMap((action) => action.undoCommands);
  return [head, ...commands.map((line) => `    ${line}`)].join("\n") + "\n";
}
