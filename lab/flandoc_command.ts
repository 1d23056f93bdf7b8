/**
 * How to start flandoc from flandoc.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { mustRun } from "./run.ts";

/**
 * The command line that runs this flandoc again: `FLANDOC_BINARY` when it is
 * set (the end-to-end tests set it to test a binary), else the portable file or
 * the single binary when this is one, else Deno with `main.ts`.
 */
export function flandocCommand(): string[] {
  const file = Deno.env.get("FLANDOC_BINARY") ||
    Deno.env.get("FLANDOC_PORTABLE");
  if (file) return [file];
  if (Deno.build.standalone) return [Deno.execPath()];
  const source = (name: string) =>
    fileURLToPath(new URL(`../${name}`, import.meta.url));
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    "--allow-all",
    `--config=${source("deno.json")}`,
    source("main.ts"),
  ];
}

/**
 * Makes sure that flandoc starts where no package registry can be reached, as
 * on the hosts of a lab: what it imports is fetched now.
 *
 * @throws {Error} when it cannot be.
 */
export async function prefetchFlandoc(signal?: AbortSignal): Promise<void> {
  const [deno = "", run, ...rest] = flandocCommand();
  if (run !== "run") return;
  const args = rest.filter((word) => word !== "--allow-all");
  await mustRun([deno, "cache", ...args], signal ? { signal } : {});
}
