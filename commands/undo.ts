import { buildCommand } from "@stricli/core";
import type { Language } from "../checks/check.ts";
import type { FlandocContext } from "./context.ts";
import { TEXT_FLAGS } from "./text_flags.ts";

/** Flags of `flandoc undo`. */
export interface UndoFlags {
  readonly lang?: Language;
  readonly color?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly list?: boolean;
}

/** `flandoc undo [ID]`: takes a journalled repair back. */
export const undoCommand = buildCommand<UndoFlags, [string?], FlandocContext>({
  loader: async () => (await import("./undo_main.ts")).undo,
  parameters: {
    flags: {
      ...TEXT_FLAGS,
      yes: {
        kind: "boolean",
        brief: "Do not ask",
        optional: true,
        withNegated: false,
      },
      dryRun: {
        kind: "boolean",
        brief: "Show what would be taken back, change nothing",
        optional: true,
        withNegated: false,
      },
      list: {
        kind: "boolean",
        brief: "List the journal and stop",
        optional: true,
        withNegated: false,
      },
    },
    positional: {
      kind: "tuple",
      parameters: [{
        parse: String,
        brief: "Id of the repair (default: the latest)",
        placeholder: "id",
        optional: true,
      }],
    },
    aliases: { y: "yes" },
  },
  docs: {
    brief: "Take a repair back, exactly",
    fullDescription:
      "Brings back what a repair of flandoc fix changed, all of it or nothing. " +
      "The journal keeps the latest 100 repairs that are in force and 20 that " +
      "are not. Exit status: 0 taken back, 1 not, or only in part, 2 wrong " +
      "usage, 3 flandoc could not do its work.",
  },
});
