/**
 * How to start flandoc from flandoc.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/**
 * The command line that runs this flandoc again: `FLANDOC_BINARY` when it is
 * set (the end-to-end tests set it to test a binary), else the single binary
 * when this is one, else Deno with `main.ts`.
 */
export function flandocCommand(): string[] {
  const binary = Deno.env.get("FLANDOC_BINARY");
  if (binary) return [binary];
  if (Deno.build.standalone) return [Deno.execPath()];
  const file = (name: string) =>
    fileURLToPath(new URL(`../${name}`, import.meta.url));
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    "--allow-all",
    `--config=${file("deno.json")}`,
    file("main.ts"),
  ];
}
