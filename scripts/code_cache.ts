/**
 * What V8 makes of the agent's script, made when the executable is built: it
 * lies in the executable, where nobody can put another in its place, as they
 * could in the directory for temporary files that Deno would use.
 *
 * @module
 */

/** Head of V8's cached data: six 32-bit words, the fourth for its flags. */
const FLAGS_AT = 12;
const FLAGS_END = 16;

/**
 * The cache of a script with every function compiled, under the flags of the
 * executable. V8 compiles a function at its first call, unless `--no-lazy`
 * says otherwise; it takes no cache made under other flags, though that one
 * makes no difference to the code. So the word for the flags is taken from a
 * cache made under the right ones.
 *
 * @param lazy made under the executable's flags
 * @param eager made under the same and `--no-lazy`
 */
export function joinCaches(
  lazy: Uint8Array,
  eager: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(eager);
  joined.set(lazy.subarray(FLAGS_AT, FLAGS_END), FLAGS_AT);
  return joined;
}

/** Builds a program under V8 flags and answers how it is run. */
type BuildProgram = (
  source: string,
  name: string,
  v8Flags: readonly string[],
) => Promise<string>;

/**
 * Writes the code cache of a script.
 *
 * @param directory for what is needed on the way
 * @returns whether all of the script is in it: a V8 that does not take that
 * gets what is compiled before the first call
 * @throws {Error} when the programs cannot be built or run
 */
export async function writeCodeCache(
  script: string,
  cache: string,
  v8Flags: readonly string[],
  build: BuildProgram,
  directory: string,
): Promise<boolean> {
  const source = "scripts/make_code_cache.ts";
  const lazyMaker = await build(source, `${directory}/lazy`, v8Flags);
  const eagerMaker = await build(source, `${directory}/eager`, [
    ...v8Flags,
    "--no-lazy",
  ]);
  const make = async (maker: string, file: string) => {
    if (!await succeeds(maker, script, file)) {
      throw new Error(`Cannot compile: no code cache of ${script}`);
    }
    return await Deno.readFile(file);
  };
  const lazy = await make(lazyMaker, `${directory}/lazy.cache`);
  const eager = await make(eagerMaker, `${directory}/eager.cache`);
  await Deno.writeFile(cache, joinCaches(lazy, eager));
  if (await succeeds(lazyMaker, script, cache, "--verify")) return true;
  await Deno.writeFile(cache, lazy);
  return false;
}

async function succeeds(
  program: string,
  ...args: readonly string[]
): Promise<boolean> {
  const { success } = await new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  return success;
}
