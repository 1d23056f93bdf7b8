import { buildCommand } from "@stricli/core";
import { versionLine } from "../version.ts";
import type { FlandocContext } from "./context.ts";

/** `flandoc version`: version, Deno, target. */
export const versionCommand = buildCommand({
  func(this: FlandocContext) {
    this.process.stdout.write(`${versionLine()}\n`);
  },
  parameters: {},
  docs: { brief: "Print version, Deno and target" },
});
