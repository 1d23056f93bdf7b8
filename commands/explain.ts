import { buildCommand } from "@stricli/core";
import type { Language } from "../checks/check.ts";
import type { FlandocContext } from "./context.ts";
import { TEXT_FLAGS } from "./text_flags.ts";

interface ExplainFlags {
  readonly lang?: Language;
  readonly color?: boolean;
}

/** `flandoc explain CODE`: the page of a check, offline. */
export const explainCommand = buildCommand<
  ExplainFlags,
  [string?],
  FlandocContext
>({
  loader: async () => (await import("./explain_main.ts")).explain,
  parameters: {
    flags: TEXT_FLAGS,
    positional: {
      kind: "tuple",
      parameters: [{
        parse: String,
        brief: "Code or name, such as FD601 or masquerade-overlay",
        placeholder: "code",
        optional: true,
      }],
    },
  },
  docs: {
    brief: "Print what a code means and how to repair it, offline",
    fullDescription:
      "Prints the page of a check: what it means, what people see, how to " +
      "repair it by hand. Without a code, lists all checks.",
  },
});

export type { ExplainFlags };
