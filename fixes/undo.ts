import { bootTime, networkNamespace } from "../host/identity.ts";
import type { JournalEntry } from "./journal.ts";

/** A network namespace of one boot of a machine. */
export interface Place {
  /** Inode of the network namespace. */
  readonly netns: string;
  /** Time of boot, seconds since the epoch; null where unknown. */
  readonly boot: number | null;
}

/** The entry to take back, or why there is none, as a key of the fix texts. */
export type UndoChoice =
  | { readonly entry: JournalEntry }
  | {
    readonly problem: "nothingToUndo" | "noEntry" | "otherNetns";
    readonly arguments: Readonly<Record<string, string>>;
  };

/**
 * Chooses what `flandoc undo [ID]` takes back: the entry named, by its id or a
 * beginning of it that is unique, else the latest that is in force. An entry
 * that was cut off in the middle (`applying`) is in force as far as it got.
 *
 * @param here Repairs of another network namespace are not this host's; since
 * a boot the inode says nothing any more
 */
export function chooseEntry(
  entries: readonly JournalEntry[],
  id: string | undefined,
  here: Place,
): UndoChoice {
  const inForce = entries.filter(({ state, done }) =>
    state === "applied" || (state === "applying" && done > 0)
  );
  if (id === undefined) {
    const latest = inForce.filter((entry) => isHere(entry, here)).at(-1);
    return latest === undefined
      ? { problem: "nothingToUndo", arguments: {} }
      : { entry: latest };
  }
  const named = inForce.filter((entry) => entry.id.startsWith(id));
  const [entry] = named;
  if (entry === undefined || named.length > 1) {
    return { problem: "noEntry", arguments: { id } };
  }
  return isHere(entry, here)
    ? { entry }
    : { problem: "otherNetns", arguments: { id, hostname: entry.hostname } };
}

function isHere(entry: JournalEntry, here: Place): boolean {
  return entry.netns === here.netns || !sameBoot(entry.boot, here.boot);
}

/** The kernel computes the time of boot from the clock, which is adjusted. */
function sameBoot(a: number | null, b: number | null): boolean {
  return a !== null && b !== null && Math.abs(a - b) < 60;
}

/** Where flandoc runs, as the journal notes it. */
export function currentPlace(): Place {
  return { netns: networkNamespace(), boot: bootTime() };
}
