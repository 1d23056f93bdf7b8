/**
 * `deno task compile [--portable]`: builds `dist/flandoc`, one executable
 * file. The usual form is `deno compile` with the least permissions that work.
 * Deno downloads its runtime for that; where the download is impossible, or
 * with `--portable`, the file carries the Deno that runs this task instead.
 *
 * @module
 */
import { CODE_CACHE, SCRIPT } from "../commands/compiled.ts";
import {
  bundle,
  BUNDLED_BY_NAME,
  BUNDLED_MAIN,
  bundleScript,
} from "./bundle.ts";
import { writeCodeCache } from "./code_cache.ts";
import { PERMISSIONS } from "./permissions.ts";
import { buildPortable } from "./portable.ts";

const TARGET = "dist/flandoc";
const BUNDLE = "dist/bundle";

/**
 * An agent lives for months beside the containers it serves: V8 is to collect
 * early rather than to grow, and to leave out its second optimizer, which
 * takes processor time and memory for code that runs once a minute. Looks at
 * rest and the udp backend are no slower with the first optimizer alone.
 */
const V8_FLAGS = [
  "--max-semi-space-size=2",
  "--heap-growing-percent=10",
  "--no-opt",
];

/** What Deno says when it cannot fetch its runtime. */
const NO_RUNTIME =
  /denort|dl\.deno\.land|Download.*runtime|error sending request/i;

/** Deno cannot fetch the runtime that an executable is made of. */
class NoRuntime extends Error {}

/** Compiles a program; throws {@linkcode NoRuntime} where that cannot be. */
async function compile(
  program: string,
  output: string,
  v8Flags: readonly string[],
  more: readonly string[],
): Promise<void> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--quiet",
      "--no-check",
      "--no-config",
      `--v8-flags=${v8Flags.join(",")}`,
      // It would be /tmp/deno-compile-flandoc.cache: compiled code that root
      // loads, under a name where anybody can put a file of his own first.
      "--no-code-cache",
      ...more,
      "--output",
      output,
      program,
    ],
    stdin: "null",
    stdout: "inherit",
    stderr: "piped",
  }).output();
  if (code === 0) return;
  const said = new TextDecoder().decode(stderr).trim();
  if (NO_RUNTIME.test(said)) throw new NoRuntime(said);
  throw new Error(`Cannot compile: ${said}`);
}

/** The agent's script and its code cache, into the bundle. */
async function addScript(): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "flandoc-compile-" });
  try {
    await bundleScript(`${BUNDLE}/${SCRIPT}`);
    const isWhole = await writeCodeCache(
      `${BUNDLE}/${SCRIPT}`,
      `${BUNDLE}/${CODE_CACHE}`,
      V8_FLAGS,
      async (program, output, v8Flags) => {
        await compile(program, output, v8Flags, ["--allow-all"]);
        return output;
      },
      directory,
    );
    if (isWhole) return;
    console.log(
      "V8 does not take the whole code cache: the agent starts some 30 ms later.",
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function compileFlandoc(): Promise<void> {
  await addScript();
  const carried = [...BUNDLED_BY_NAME, SCRIPT, CODE_CACHE];
  await compile(`${BUNDLE}/${BUNDLED_MAIN}`, TARGET, V8_FLAGS, [
    ...PERMISSIONS,
    ...carried.flatMap((file) => ["--include", `${BUNDLE}/${file}`]),
  ]);
}

/** Deno keeps what V8 makes of that form itself, in its own directory. */
async function portable(): Promise<void> {
  for (const file of [SCRIPT, CODE_CACHE]) {
    await Deno.remove(`${BUNDLE}/${file}`).catch(() => {});
  }
  await buildPortable(TARGET, BUNDLE, PERMISSIONS);
}

async function build(): Promise<void> {
  await Deno.mkdir("dist", { recursive: true });
  await bundle(BUNDLE);
  // Deno does not write over the portable form, nor can what runs be written to.
  await Deno.remove(TARGET).catch(() => {});
  if (Deno.args.includes("--portable")) await portable();
  else {
    try {
      await compileFlandoc();
    } catch (error) {
      if (!(error instanceof NoRuntime)) throw error;
      console.log(
        "Deno's runtime cannot be downloaded here: building the portable form, which carries Deno itself.",
      );
      await portable();
    }
  }
  const { size } = await Deno.stat(TARGET);
  console.log(`${TARGET}: ${(size / 2 ** 20).toFixed(0)} MiB`);
}

try {
  await build();
} catch (error) {
  // The place in this script says nothing to who builds.
  console.error(error instanceof Error ? error.message : error);
  Deno.exitCode = 1;
}
