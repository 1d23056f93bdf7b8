/**
 * `flandoc undo` apart from the terminal: which repair, how it stands, and
 * taking it back, all of it or nothing.
 *
 * @module
 */
import { bootTime, networkNamespace } from "../host/identity.ts";
import type { Action } from "./action.ts";
import { groupEnd } from "./apply.ts";
import { type StepFailure, takeBack } from "./execute.ts";
import { type Hands, hostHands } from "./hands.ts";
import { Journal, type JournalContents, type JournalEntry } from "./journal.ts";
import { withLock } from "./lock.ts";

/** A network namespace of one boot of a machine. */
export interface Place {
  /** Inode of the network namespace. */
  readonly netns: string;
  /** Time of boot, seconds since the epoch; null where unknown. */
  readonly boot: number | null;
}

/** Why there is nothing to take back, as a key of the fix texts. */
export interface UndoProblem {
  readonly problem: "nothingToUndo" | "noEntry" | "otherNetns" | "damaged";
  readonly arguments: Readonly<Record<string, string>>;
}

/** The entry to take back, or why there is none. */
export type UndoChoice = { readonly entry: JournalEntry } | UndoProblem;

/**
 * Chooses what `flandoc undo [ID]` takes back: the entry named, by its id or a
 * beginning of it that is unique, else the latest that is in force. An entry
 * that was cut off in the middle (`applying`) may be in force as far as it got.
 *
 * An entry that cannot be read may be in force too: it keeps those before it
 * from being taken for the latest, not from being named.
 *
 * @param here Repairs of another network namespace are not this host's; since
 * a boot the inode says nothing any more
 */
export function chooseEntry(
  { entries, damaged }: JournalContents,
  id: string | undefined,
  here: Place,
): UndoChoice {
  const inForce = entries.filter(({ state }) =>
    state === "applied" || state === "applying"
  );
  if (id === undefined) {
    const latest = inForce.filter((entry) => isHere(entry, here)).at(-1);
    const last = damaged.at(-1);
    if (last !== undefined && last > (latest?.id ?? "")) {
      return { problem: "damaged", arguments: { id: last } };
    }
    return latest === undefined
      ? { problem: "nothingToUndo", arguments: {} }
      : { entry: latest };
  }
  const named = inForce.filter((entry) => entry.id.startsWith(id));
  const broken = damaged.filter((each) => each.startsWith(id));
  const [entry] = named;
  if (entry === undefined || named.length + broken.length > 1) {
    return named.length === 0 && broken.length === 1
      ? { problem: "damaged", arguments: { id: broken[0]! } }
      : { problem: "noEntry", arguments: { id } };
  }
  return isHere(entry, here)
    ? { entry }
    : { problem: "otherNetns", arguments: { id, hostname: entry.hostname } };
}

function isHere(entry: JournalEntry, here: Place): boolean {
  return entry.netns === here.netns || !sameBoot(entry.boot, here.boot);
}

/** The kernel computes the time of boot from the clock, which is adjusted. */
export function sameBoot(a: number | null, b: number | null): boolean {
  return a !== null && b !== null && Math.abs(a - b) < 60;
}

/** Where flandoc runs, as the journal notes it. */
export function currentPlace(): Place {
  return { netns: networkNamespace(), boot: bootTime() };
}

/** A step that somebody else's change keeps from being taken back. */
export interface Conflict {
  readonly action: Action;
  /** What a person types instead, for the host as it is now. */
  readonly commands: readonly string[];
}

/** A repair as it stands on this host. */
export interface UndoPlan {
  readonly entry: JournalEntry;
  /** In force, the last first. */
  readonly steps: readonly Action[];
  readonly conflicts: readonly Conflict[];
}

/** What a repair may have changed: when it was cut off, one group more. */
function touched({ actions, state, done }: JournalEntry): readonly Action[] {
  if (state !== "applying") return actions.slice(0, done);
  const changes = actions.map(({ change }) => change);
  return actions.slice(0, groupEnd(changes, done));
}

/** Kinds that a boot takes back by itself. */
export const GONE_AT_BOOT: ReadonlySet<string> = new Set([
  "netfilter",
  "route",
]);

/** Looks how a repair stands, and whether all of it can be taken back. */
export async function planUndo(
  entry: JournalEntry,
  here: Place,
  hands: Hands = hostHands(),
): Promise<UndoPlan> {
  const actions = touched(entry);
  const states = await hands.standings(actions);
  const booted = !sameBoot(entry.boot, here.boot);
  const steps = actions.filter((_, at) => states[at] === "done").reverse();
  const others = actions.filter(({ change }, at) =>
    states[at] === "other" && !(booted && GONE_AT_BOOT.has(change.kind))
  );
  const conflicts = await Promise.all(others.map(async (action) => ({
    action,
    commands: await hands.byHand(action),
  })));
  return { entry, steps, conflicts };
}

/** What the terminal gives to an undo. */
export interface UndoOptions {
  readonly id?: string | undefined;
  readonly dryRun: boolean;
  /** State directory. */
  readonly state: string;
  /** Shows what would be taken back and asks; true to go on. */
  readonly confirm: (plan: UndoPlan) => Promise<boolean>;
  readonly hands?: Hands;
  /** @default where this process runs */
  readonly here?: Place;
}

/** How an undo ended. */
export type UndoEnd =
  | UndoProblem & { readonly kind: "problem" }
  | { readonly kind: "planned" | "declined"; readonly plan: UndoPlan }
  /** Nothing was changed: not all of it can be taken back. */
  | { readonly kind: "conflict"; readonly plan: UndoPlan }
  /** Between the question and the lock the host changed: nothing was done. */
  | { readonly kind: "moved"; readonly plan: UndoPlan }
  | {
    readonly kind: "undone";
    readonly plan: UndoPlan;
    readonly stuck: readonly StepFailure[];
  };

/**
 * Takes a repair back: all of it, or nothing where somebody else has changed
 * what it changed.
 *
 * @throws {LockedError | StateError} as `withLock()`
 */
export async function undoRepair(options: UndoOptions): Promise<UndoEnd> {
  const { id, state, hands = hostHands(), here = currentPlace() } = options;
  const journal = new Journal(state);
  const choice = chooseEntry(journal.contents(), id, here);
  if ("problem" in choice) return { kind: "problem", ...choice };
  const plan = await planUndo(choice.entry, here, hands);
  if (plan.conflicts.length > 0) return { kind: "conflict", plan };
  if (options.dryRun) return { kind: "planned", plan };
  if (!await options.confirm(plan)) return { kind: "declined", plan };
  return await withLock(state, async (): Promise<UndoEnd> => {
    const now = chooseEntry(journal.contents(), choice.entry.id, here);
    if ("problem" in now) return { kind: "problem", ...now };
    const again = await planUndo(now.entry, here, hands);
    if (JSON.stringify(again) !== JSON.stringify(plan)) {
      return { kind: "moved", plan };
    }
    const forward = [...plan.steps].reverse();
    const { stuck } = await takeBack(
      now.entry,
      forward,
      "undone",
      journal,
      hands,
    );
    return { kind: "undone", plan, stuck };
  });
}
