/**
 * How repairs reach the host; tests put their own hands in place.
 *
 * @module
 */
import type { Action } from "./action.ts";
import { applyChanges, noteChange, standings, undoChanges } from "./apply.ts";
import type { Standing } from "./apply_routes.ts";
import { byHand } from "./by_hand.ts";
import type { HostOptions } from "./host_options.ts";
import { undoCommandsOf } from "./undo_commands.ts";

/** What can be done with actions. Groups are those of `groupEnd()`. */
export interface Hands {
  /** Notes what has to be known to take an action back exactly. */
  readonly note: (action: Action) => Promise<Action>;
  /** Applies a group; for each an error or null. */
  readonly apply: (
    actions: readonly Action[],
  ) => Promise<readonly (string | null)[]>;
  /** Takes a group back in the order given; for each an error or null. */
  readonly undo: (
    actions: readonly Action[],
  ) => Promise<readonly (string | null)[]>;
  /** How actions stand, read at one moment. */
  readonly standings: (
    actions: readonly Action[],
  ) => Promise<readonly Standing[]>;
  /**
   * What a person types to take an action back from a host that somebody else
   * has changed too since.
   */
  readonly byHand: (action: Action) => Promise<readonly string[]>;
}

/** Hands that work on this host. */
export function hostHands(options: HostOptions = {}): Hands {
  const changesOf = (actions: readonly Action[]) =>
    actions.map(({ change }) => change);
  return {
    async note(action) {
      const change = await noteChange(action.change, options);
      return {
        ...action,
        change,
        undoCommands: undoCommandsOf(action, change),
      };
    },
    apply: (actions) => applyChanges(changesOf(actions), options),
    undo: (actions) => undoChanges(changesOf(actions), options),
    standings: (actions) => standings(changesOf(actions), options),
    byHand: (action) => byHand(action, options),
  };
}
