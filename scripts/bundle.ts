/**
 * flandoc's source as a few JavaScript files, packages included: what
 * `flandoc run` needs are some 25 files instead of 240 modules, read and
 * compiled in a third of the time and with 10 MB less in memory. What one
 * command needs stays apart from what another needs, so that `version` still
 * reads next to nothing. Names are kept: errors and traces read as the source.
 *
 * @module
 */

/** Modules that something loads by name; `main.ts` is the program itself. */
const ENTRIES = [
  "main.ts",
  "commands/main.ts",
  "commands/compiled.ts",
  "agent/udp/worker.ts",
];

/** The program in a bundle. */
export const BUNDLED_MAIN = "main.js";

/** Modules of a bundle that are loaded by name, which no compiler can see. */
export const BUNDLED_BY_NAME: readonly string[] = [
  "commands/main.js",
  "commands/compiled.js",
  "agent/udp/worker.js",
];

/**
 * Writes the bundle into a directory, which is emptied first. Run from the
 * root of the source tree.
 *
 * @throws {Error} when Deno cannot bundle, with what it said: its bundler,
 * esbuild, is fetched from the npm registry the first time
 */
export async function bundle(directory: string): Promise<void> {
  await Deno.remove(directory, { recursive: true }).catch(() => {});
  await runBundler(["--code-splitting", `--outdir=${directory}`, ...ENTRIES]);
}

/** Files of commands but `run`, which its script has no use for. */
function otherCommands(): string[] {
  return [...Deno.readDirSync("commands")].map(({ name }) => name)
    .filter((name) => name.endsWith("_main.ts") && name !== "run_main.ts")
    .map((name) => `./${name}`);
}

/**
 * Writes everything that `flandoc run` needs as the text of one script: a
 * function that takes `exports`, `require`, `module` and the URL of `main.js`.
 *
 * @throws {Error} as {@linkcode bundle}
 */
export async function bundleScript(file: string): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "flandoc-script-" });
  try {
    await runBundler([
      "--format=cjs",
      ...otherCommands().flatMap((name) => ["--external", name]),
      `--outdir=${directory}`,
      "commands/main.ts",
    ]);
    const text = await Deno.readTextFile(`${directory}/main.js`);
    await Deno.writeTextFile(file, wrapScript(text));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/**
 * A CommonJS bundle as one function. A script has no `import.meta`, for which
 * the bundler puts empty objects; what was asked of it is `main.js`'s URL.
 */
export function wrapScript(text: string): string {
  const body = text.replace(
    /\b(import_meta\d*) = \{\}/g,
    "$1 = { url: importMetaUrl }",
  );
  if (/\bimport\.meta\b/.test(body.replace(/^\s*(\/\/|\*).*$/gm, ""))) {
    throw new Error("Cannot bundle: the script uses import.meta");
  }
  return `(function (exports, require, module, importMetaUrl) {${body}\n})`;
}

async function runBundler(args: readonly string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform=deno", ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (code === 0) return;
  const said = new TextDecoder().decode(stderr).trim();
  throw new Error(
    `Cannot bundle: Deno's bundler, esbuild, comes from the npm registry; it said: ${said}`,
  );
}
