import {
  Journal,
  type JournalEntry,
  stateDirectory,
} from "../fixes/journal.ts";
import { LockedError, StateError } from "../fixes/lock.ts";
import { FIX_TEXT, type FixText } from "../fixes/text.ts";
import { type UndoProblem, undoRepair } from "../fixes/undo.ts";
import { renderUndoEnd, renderUndoPlan } from "../report/undo.ts";
import { fillTemplate } from "../report/template.ts";
import { ask } from "./ask.ts";
import { type FlandocContext, styleOf } from "./context.ts";
import type { UndoFlags } from "./undo.ts";

const PROBLEM_STATUS: Readonly<Record<UndoProblem["problem"], number>> = {
  nothingToUndo: 1,
  noEntry: 2,
  otherNetns: 2,
  damaged: 3,
};

/** Shows what a journalled repair changed, asks, takes it back. */
export async function undo(
  this: FlandocContext,
  flags: UndoFlags,
  id?: string,
): Promise<void> {
  const style = styleOf(this, flags);
  const text = FIX_TEXT[style.language];
  const { stdout, stderr } = this.process;
  const state = stateDirectory();
  try {
    if (flags.list) {
      stdout.write(listLines(new Journal(state), text));
      return;
    }
    const end = await undoRepair({
      id,
      state,
      dryRun: flags.dryRun ?? false,
      confirm(plan) {
        stdout.write(renderUndoPlan(plan, style));
        return flags.yes ? Promise.resolve(true) : ask(text.question);
      },
    });
    const said = renderUndoEnd(end, style);
    if (end.kind === "problem") {
      stderr.write(said);
      this.process.exitCode = PROBLEM_STATUS[end.problem];
      return;
    }
    stdout.write(said);
    const isDone = end.kind === "undone" && end.stuck.length === 0;
    this.process.exitCode = isDone ? 0 : 1;
  } catch (error) {
    stderr.write(`${troubleText(error, text)}\n`);
    this.process.exitCode = 3;
  }
}

/** Why flandoc could not work at all. @throws what is a fault of its own */
function troubleText(
  error: unknown,
  text: FixText,
): string {
  if (error instanceof LockedError) return text.locked;
  if (error instanceof StateError) {
    const { directory, reason } = error;
    return fillTemplate(text.undoState, { directory, reason });
  }
  throw error;
}

function listLines(journal: Journal, text: FixText): string {
  const { entries, damaged } = journal.contents();
  const broken = damaged.map((id) =>
    fillTemplate(text.damagedEntry, { id, path: journal.path(id) }) + "\n"
  );
  // Each line begins with an id, which sorts by time.
  return [...entries.map(listLine), ...broken].sort().join("");
}

function listLine(entry: JournalEntry): string {
  const codes = [...new Set(entry.actions.map(({ code }) => code))].join(" ");
  const state = entry.state.padEnd(11);
  const { length } = entry.actions;
  const changes = `${length} ${length === 1 ? "change" : "changes"}`.padEnd(10);
  return `${entry.id}  ${state}  ${changes}  ${codes}\n`;
}
