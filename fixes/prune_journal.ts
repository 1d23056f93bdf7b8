/**
 * What leaves the journal: a repair a day, as a drop-in of Docker's unit makes
 * one, would fill it for ever.
 *
 * @module
 */
import type { Journal, JournalEntry } from "./journal.ts";
import { GONE_AT_BOOT, type Place, sameBoot } from "./undo.ts";

/** Entries kept of those that nothing can be taken back of. */
export const FINISHED_KEPT = 20;

/** Entries kept of those that could still be taken back. */
export const IN_FORCE_KEPT = 100;

/** Whether there is nothing in an entry that `flandoc undo` could take back. */
function isFinished(entry: JournalEntry, here: Place): boolean {
  const { state, boot, actions } = entry;
  if (state === "undone" || state === "rolled-back") return true;
  const booted = boot !== null && here.boot !== null &&
    !sameBoot(boot, here.boot);
  return booted && actions.every(({ change }) => GONE_AT_BOOT.has(change.kind));
}

/** The entries that are too many, oldest first. */
export interface Surplus {
  readonly finished: readonly JournalEntry[];
  /** Those that could still be taken back: whoever drops them says so. */
  readonly inForce: readonly JournalEntry[];
}

/**
 * Tells which entries are too many.
 *
 * @param entries oldest first. One cut off in the middle is never among them
 */
export function surplusEntries(
  entries: readonly JournalEntry[],
  here: Place,
): Surplus {
  const finished = entries.filter((entry) => isFinished(entry, here));
  const inForce = entries.filter((entry) =>
    entry.state === "applied" && !finished.includes(entry)
  );
  return {
    finished: finished.slice(0, -FINISHED_KEPT),
    inForce: inForce.slice(0, -IN_FORCE_KEPT),
  };
}

/**
 * Removes the entries that are too many. A journal that cannot be read or
 * written is no reason for a repair to fail: it is left as it is.
 *
 * @returns ids of removed entries that could still have been taken back
 */
export function pruneJournal(journal: Journal, here: Place): string[] {
  try {
    const { finished, inForce } = surplusEntries(journal.read(), here);
    for (const { id } of [...finished, ...inForce]) journal.remove(id);
    return inForce.map(({ id }) => id);
  } catch {
    return [];
  }
}
