/**
 * flandoc: a doctor for flannel networks, and a flannel agent.
 *
 * @module
 */
import { versionLine } from "./version.ts";

/**
 * Not written into the import itself: Deno reads every module that it can see
 * a program import, at once, and `version` needs none of these 500. In the
 * executable they are JavaScript, see `scripts/bundle.ts`.
 */
const IS_SOURCE = import.meta.url.endsWith(".ts");
const COMMANDS = IS_SOURCE ? "./commands/main.ts" : "./commands/main.js";
const COMPILED = "./commands/compiled.js";

async function loadMain(
  command: string | undefined,
): Promise<typeof import("./commands/main.ts").main> {
  if (command === "run" && !IS_SOURCE) {
    const { compiledMain }: typeof import("./commands/compiled.ts") =
      await import(COMPILED);
    const main = compiledMain(import.meta.url);
    if (main !== null) return main;
  }
  const { main }: typeof import("./commands/main.ts") = await import(COMMANDS);
  return main;
}

if (import.meta.main) {
  const [first, ...rest] = Deno.args;
  if (rest.length === 0 && (first === "version" || first === "--version")) {
    // Nothing else is loaded for it: scripts ask for it often.
    console.log(versionLine());
  } else {
    const main = await loadMain(first);
    await main(Deno.args);
  }
}
