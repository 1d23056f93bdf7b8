/**
 * Applies the actions of a plan in order, journalled: each is either in force
 * and counted, or taken back.
 *
 * @module
 */
import type { Action } from "./action.ts";
import { applyChange, undoChange } from "./apply.ts";
import type { Journal, JournalEntry } from "./journal.ts";

/** How changes are carried out; tests put their own in place. */
export interface Hands {
  readonly apply: (action: Action) => Promise<void>;
  readonly undo: (action: Action) => Promise<void>;
}

/** Changes carried out on this host. */
export const HOST_HANDS: Hands = {
  apply: ({ change }) => applyChange(change),
  undo: ({ change }) => undoChange(change),
};

/** A step that could not be done or taken back. */
export interface StepFailure {
  readonly action: Action;
  readonly error: string;
}

/** What became of applying or undoing. */
export interface Outcome {
  readonly entry: JournalEntry;
  /** The action that failed first; null when all went well. */
  readonly failure: StepFailure | null;
  /** Steps that could not be taken back after a failure: the host needs a look. */
  readonly stuck: readonly StepFailure[];
}

/**
 * Writes the entry, applies its actions and writes how far it got after each.
 * The first that fails ends it: what was applied is taken back, in reverse.
 */
export async function execute(
  entry: JournalEntry,
  journal: Journal,
  hands: Hands = HOST_HANDS,
): Promise<Outcome> {
  let now: JournalEntry = { ...entry, state: "applying", done: 0 };
  await journal.write(now);
  for (const action of entry.actions) {
    try {
      await hands.apply(action);
    } catch (error) {
      const failure = { action, error: messageOf(error) };
      const back = await rollBack(now, journal, hands);
      return { ...back, failure };
    }
    now = { ...now, done: now.done + 1 };
    await journal.write(now);
  }
  now = { ...now, state: "applied" };
  await journal.write(now);
  return { entry: now, failure: null, stuck: [] };
}

/** Takes a repair back that failed or made something worse. */
export function rollBack(
  entry: JournalEntry,
  journal: Journal,
  hands: Hands = HOST_HANDS,
): Promise<Outcome> {
  return takeBack(entry, "rolled-back", journal, hands);
}

/** Takes an earlier repair back on request. */
export function undoEntry(
  entry: JournalEntry,
  journal: Journal,
  hands: Hands = HOST_HANDS,
): Promise<Outcome> {
  return takeBack(entry, "undone", journal, hands);
}

/**
 * In reverse order. A step that cannot be taken back does not keep the others
 * from it: each is independent of what follows it.
 */
async function takeBack(
  entry: JournalEntry,
  state: "rolled-back" | "undone",
  journal: Journal,
  hands: Hands,
): Promise<Outcome> {
  const stuck: StepFailure[] = [];
  for (const action of entry.actions.slice(0, entry.done).reverse()) {
    try {
      await hands.undo(action);
    } catch (error) {
      stuck.push({ action, error: messageOf(error) });
    }
  }
  const now: JournalEntry = { ...entry, state, done: 0 };
  await journal.write(now);
  return { entry: now, failure: null, stuck };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
