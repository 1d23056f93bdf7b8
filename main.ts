/**
 * flandoc: a doctor for flannel networks, and a flannel agent.
 *
 * @module
 */
import { VERSION } from "./version.ts";

/** `version` answers without loading anything else: it is asked in scripts. */
function printVersion(): void {
  const { deno } = Deno.version;
  console.log(`flandoc ${VERSION} (Deno ${deno}, ${Deno.build.target})`);
}

if (import.meta.main) {
  const [first, ...rest] = Deno.args;
  if (rest.length === 0 && (first === "version" || first === "--version")) {
    printVersion();
  } else {
    const { main } = await import("./commands/main.ts");
    await main(Deno.args);
  }
}
