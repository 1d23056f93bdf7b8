/**
 * flandoc: a doctor for flannel networks, and a flannel agent.
 *
 * @module
 */
import { versionLine } from "./version.ts";

if (import.meta.main) {
  const [first, ...rest] = Deno.args;
  if (rest.length === 0 && (first === "version" || first === "--version")) {
    // Nothing else is loaded for it: scripts ask for it often.
    console.log(versionLine());
  } else {
    const { main } = await import("./commands/main.ts");
    await main(Deno.args);
  }
}
