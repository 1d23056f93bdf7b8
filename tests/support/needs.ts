/**
 * What a test needs of the machine it runs on. A machine that lacks it skips
 * the test; with `CI=true` nothing is skipped, so that a missing part fails.
 *
 * @module
 */
import { accessSync, constants } from "node:fs";

/** Parts of a machine that some tests cannot do without. */
export interface Needs {
  /** Effective user id 0. */
  readonly root?: boolean;
  /** Programs by name, looked up in `PATH` and the sbin directories. */
  readonly programs?: readonly string[];
  /** Leave to create network namespaces: root and the `ip` program. */
  readonly netns?: boolean;
}

/** What {@linkcode needs} answers, to be spread into `Deno.test({...})`. */
export interface NeedsAnswer {
  /** True when something is missing and this is not CI. */
  readonly ignore: boolean;
  /** What is missing, in the words a person would install it by. */
  readonly missing: readonly string[];
}

const SYSTEM_PATH =
  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

function isInstalled(program: string): boolean {
  const path = `${Deno.env.get("PATH") ?? ""}:${SYSTEM_PATH}`;
  return path.split(":").some((directory) => {
    try {
      accessSync(`${directory}/${program}`, constants.X_OK);
      return directory !== "";
    } catch {
      return false;
    }
  });
}

/**
 * Says whether this machine can run a test, once a line to stderr why not.
 *
 * ```ts no-eval
 * Deno.test({
 *   name: "dumpRoutes() reads a blackhole route",
 *   ...needs({ netns: true }),
 *   fn() {},
 * });
 * ```
 */
export function needs(wanted: Needs): NeedsAnswer {
  const programs = [
    ...wanted.programs ?? [],
    ...wanted.netns ? ["ip", "nsenter"] : [],
  ];
  const missing = programs.filter((program) => !isInstalled(program))
    .map((program) => `program ${program}`);
  if ((wanted.root || wanted.netns) && Deno.uid() !== 0) missing.push("root");
  const ignore = missing.length > 0 && Deno.env.get("CI") !== "true";
  if (ignore) report(missing.join(", "));
  return { ignore, missing };
}

const reported = new Set<string>();

function report(missing: string): void {
  if (reported.has(missing)) return;
  reported.add(missing);
  console.error(`tests skipped, this machine lacks: ${missing}`);
}
