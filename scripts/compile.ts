/**
 * `deno task compile [--portable]`: builds `dist/flandoc`, one executable
 * file. The usual form is `deno compile` with the least permissions that work.
 * Deno downloads its runtime for that; where the download is impossible, or
 * with `--portable`, the file carries the Deno that runs this task instead.
 *
 * @module
 */
import { bundle, BUNDLED_BY_NAME, BUNDLED_MAIN } from "./bundle.ts";
import { PERMISSIONS } from "./permissions.ts";
import { buildPortable } from "./portable.ts";

const TARGET = "dist/flandoc";
const BUNDLE = "dist/bundle";

/**
 * An agent lives for months beside the containers it serves: V8 is to collect
 * early rather than to grow, and to leave out its second optimizer, which
 * takes processor time and memory for code that runs once a minute. With
 * 5,000 peers that is 10 MB less at rest and a fifth less processor time until
 * all routes are there; looks at rest and the udp backend are no slower with
 * the first optimizer alone.
 */
const V8_FLAGS =
  "--v8-flags=--max-semi-space-size=2,--optimize-for-size,--heap-growing-percent=10,--no-opt";

/** What Deno says when it cannot fetch its runtime. */
const NO_RUNTIME =
  /denort|dl\.deno\.land|Download.*runtime|error sending request/i;

async function compile(): Promise<"built" | "no-runtime"> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--quiet",
      "--no-check",
      "--no-config",
      V8_FLAGS,
      // It would be /tmp/deno-compile-flandoc.cache: compiled code that root
      // loads, under a name where anybody can put a file of his own first.
      "--no-code-cache",
      ...PERMISSIONS,
      ...BUNDLED_BY_NAME.flatMap((file) => ["--include", `${BUNDLE}/${file}`]),
      "--output",
      TARGET,
      `${BUNDLE}/${BUNDLED_MAIN}`,
    ],
    stdin: "null",
    stdout: "inherit",
    stderr: "piped",
  }).output();
  const said = new TextDecoder().decode(stderr);
  if (code === 0) return "built";
  if (NO_RUNTIME.test(said)) return "no-runtime";
  throw new Error(`Cannot compile: ${said.trim()}`);
}

async function build(): Promise<void> {
  await Deno.mkdir("dist", { recursive: true });
  await bundle(BUNDLE);
  // Deno does not write over the portable form, nor can what runs be written to.
  await Deno.remove(TARGET).catch(() => {});
  const portable = Deno.args.includes("--portable");
  if (portable || await compile() === "no-runtime") {
    if (!portable) {
      console.log(
        "Deno's runtime cannot be downloaded here: building the portable form, which carries Deno itself.",
      );
    }
    await buildPortable(TARGET, BUNDLE, PERMISSIONS);
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
