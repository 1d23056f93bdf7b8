/**
 * The agent's code as one script that was compiled when the executable was
 * built, see `scripts/code_cache.ts`: a third of a start is spared.
 *
 * @module
 */
import { Script } from "node:vm";

/** Name of the script in the executable, beside `main.js`. */
export const SCRIPT = "run.script";

/** What V8 made of it. */
export const CODE_CACHE = "run.cache";

/** What the script is: a function as CommonJS modules are. */
type Wrapped = (
  exports: object,
  require: (name: string) => unknown,
  module: { exports: object },
  url: string,
) => void;

/**
 * The commands' `main`, of which only `run` has its code; null where the
 * executable carries no such script. V8 compiles it as it goes when the cache
 * is another V8's.
 *
 * @param url of `main.js`
 */
export function compiledMain(
  url: string,
): typeof import("./main.ts").main | null {
  let source, cachedData;
  try {
    source = Deno.readTextFileSync(new URL(SCRIPT, url));
    cachedData = Deno.readFileSync(new URL(CODE_CACHE, url));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const script = new Script(source, { filename: SCRIPT, cachedData });
  const wrapped: Wrapped = script.runInThisContext();
  const module = { exports: {} };
  const require = (name: string) => process.getBuiltinModule(name);
  wrapped(module.exports, require, module, url);
  return (module.exports as typeof import("./main.ts")).main;
}
