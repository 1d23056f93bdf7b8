/**
 * Applies the actions of a plan in order, journalled: each is either in force
 * and counted, or taken back.
 *
 * @module
 */
import type { Action } from "./action.ts";
import { groupEnd, messageOf } from "./apply.ts";
import { type Hands, hostHands } from "./hands.ts";
import type { Journal, JournalEntry } from "./journal.ts";

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
  /** Steps that could not be taken back: the host needs a look. */
  readonly stuck: readonly StepFailure[];
}

/**
 * Notes, writes the entry, applies its actions group by group and writes how
 * far it got after each. The first that fails ends it: what was applied is
 * taken back, in reverse.
 */
export async function execute(
  planned: JournalEntry,
  journal: Pick<Journal, "write">,
  hands: Hands = hostHands(),
): Promise<Outcome> {
  const actions = await Promise.all(planned.actions.map(hands.note));
  let entry: JournalEntry = { ...planned, actions, state: "applying", done: 0 };
  await journal.write(entry);
  const changes = actions.map(({ change }) => change);
  while (entry.done < actions.length) {
    const group = actions.slice(entry.done, groupEnd(changes, entry.done));
    const errors = await hands.apply(group);
    const made = group.filter((_, index) => errors[index] === null);
    const applied = [...actions.slice(0, entry.done), ...made];
    let failure = firstFailure(group, errors);
    if (failure === null) {
      entry = { ...entry, done: applied.length };
      if (entry.done === actions.length) entry = { ...entry, state: "applied" };
      failure = await written(journal, entry, group);
    }
    if (failure !== null) {
      const back = await takeBack(
        entry,
        applied,
        "rolled-back",
        journal,
        hands,
      );
      return { ...back, failure };
    }
  }
  return { entry, failure: null, stuck: [] };
}

/** Why a step is left: what it would bring back is not what is missing. */
const CHANGED_MEANWHILE = "somebody else has changed it meanwhile";

function firstFailure(
  group: readonly Action[],
  errors: readonly (string | null)[],
): StepFailure | null {
  const at = errors.findIndex((error) => error !== null);
  const [action, error] = [group[at], errors[at]];
  return action === undefined || error === undefined || error === null
    ? null
    : { action, error };
}

/** What is not in the journal could not be undone later: it is a failure too. */
async function written(
  journal: Pick<Journal, "write">,
  entry: JournalEntry,
  group: readonly Action[],
): Promise<StepFailure | null> {
  try {
    await journal.write(entry);
    return null;
  } catch (error) {
    return { action: group[0]!, error: messageOf(error) };
  }
}

/** Takes a repair back that made something worse. */
export function rollBack(
  entry: JournalEntry,
  journal: Pick<Journal, "write">,
  hands: Hands = hostHands(),
): Promise<Outcome> {
  return takeBack(entry, entry.actions, "rolled-back", journal, hands);
}

/**
 * Takes actions back from the last to the first, those of them that are in
 * force. A step that cannot be taken back does not keep the others from it;
 * the entry stays in force then, so that undo can be tried again.
 */
export async function takeBack(
  entry: JournalEntry,
  actions: readonly Action[],
  state: "rolled-back" | "undone",
  journal: Pick<Journal, "write">,
  hands: Hands,
): Promise<Outcome> {
  const stuck: StepFailure[] = [];
  const order = [...actions].reverse();
  const changes = order.map(({ change }) => change);
  for (let at = 0; at < order.length;) {
    const end = groupEnd(changes, at);
    stuck.push(...await takeGroupBack(order.slice(at, end), hands));
    at = end;
  }
  const now: JournalEntry = stuck.length > 0
    ? entry
    : { ...entry, state, done: 0 };
  try {
    await journal.write(now);
  } catch {
    // The entry then says what was in force: undoing again finds it is not.
  }
  return { entry: now, failure: null, stuck };
}

async function takeGroupBack(
  group: readonly Action[],
  hands: Hands,
): Promise<StepFailure[]> {
  try {
    const states = await hands.standings(group);
    const inForce = group.filter((_, index) => states[index] === "done");
    const errors = await hands.undo(inForce);
    return [
      ...group.filter((_, index) => states[index] === "other")
        .map((action) => ({ action, error: CHANGED_MEANWHILE })),
      ...inForce.flatMap((action, index): StepFailure[] => {
        const error = errors[index];
        return error === null || error === undefined ? [] : [{ action, error }];
      }),
    ];
  } catch (error) {
    return group.map((action) => ({ action, error: messageOf(error) }));
  }
}
