import { buildCommand } from "@stricli/core";
import { VERSION } from "../version.ts";
import type { FlandocContext } from "./context.ts";

/** `flandoc version`: version, Deno, target. */
export const versionCommand = buildCommand({
  func(this: FlandocContext) {
    const { deno } = Deno.version;
    const line = `flandoc ${VERSION} (Deno ${deno}, ${Deno.build.target})\n`;
    this.process.stdout.write(line);
  },
  parameters: {},
  docs: { brief: "Print version, Deno and target" },
});
