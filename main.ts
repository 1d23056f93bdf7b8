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
const COMMANDS = import.meta.url.endsWith(".ts")
  ? "./commands/main.ts"
  : "./commands/main.js";

if (import.meta.main) {
  const [first, ...rest] = Deno.args;
  if (rest.length === 0 && (first === "version" || first === "--version")) {
    // Nothing else is loaded for it: scripts ask for it often.
    console.log(versionLine());
  } else {
    const { main }: typeof import("./commands/main.ts") = await import(
      COMMANDS
    );
    await main(Deno.args);
  }
}
