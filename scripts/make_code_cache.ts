/**
 * `make_code_cache.ts SCRIPT CACHE [--verify]`: has V8 compile a script and
 * keeps what it made, or says whether this V8 takes what is kept (exit status
 * 0 or 1). To be run by the very V8, with the very flags, of the executable.
 *
 * @module
 */
import { Script } from "node:vm";

const [file = "", cache = "", ...flags] = Deno.args;
const source = Deno.readTextFileSync(file);
// As `commands/compiled.ts` names it.
const filename = "run.script";
if (flags.includes("--verify")) {
  const cachedData = Deno.readFileSync(cache);
  const { cachedDataRejected } = new Script(source, { filename, cachedData });
  Deno.exitCode = cachedDataRejected === false ? 0 : 1;
} else {
  const script = new Script(source, { filename });
  Deno.writeFileSync(cache, script.createCachedData());
}
