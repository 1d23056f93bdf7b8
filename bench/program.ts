/**
 * flandoc and an empty program in the same form, so that what is compared is
 * flandoc and not how it was built: compiled where `dist/flandoc` is, else
 * both from source.
 *
 * @module
 */
import { flandocCommand } from "../lab/mod.ts";

const BINARY = "dist/flandoc";

/** Words that run what users run: the binary where it is built, else source. */
export function flandocProgram(): string[] {
  return isBuilt() ? [Deno.realPathSync(BINARY)] : flandocCommand();
}

/** Whether there is a binary. */
export function isBuilt(): boolean {
  try {
    return Deno.statSync(BINARY).isFile;
  } catch {
    return false;
  }
}

/** Whether the binary is the portable form: a script that starts Deno. */
function isPortable(): boolean {
  using file = Deno.openSync(BINARY);
  const start = new Uint8Array(2);
  file.readSync(start);
  return new TextDecoder().decode(start) === "#!";
}

/**
 * Words that run an empty program in the form of {@linkcode flandocProgram}.
 *
 * @param directory for the program
 * @param source what it does. @default nothing
 * @throws {Error} when the binary is there and nothing can be compiled
 */
export async function emptyProgram(
  directory: string,
  source = "",
): Promise<string[]> {
  const name = source === "" ? "empty" : "waiting";
  const file = `${directory}/${name}.ts`;
  await Deno.writeTextFile(file, source);
  if (!isBuilt() || isPortable()) {
    return [Deno.execPath(), "run", "-A", "--no-check", file];
  }
  const binary = `${directory}/${name}`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["compile", "--quiet", "--no-check", "--no-config"],
      ...["--no-code-cache", "--output", binary, file],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return [binary];
  const said = new TextDecoder().decode(stderr).trim();
  throw new Error(
    `Cannot compile an empty program to measure ${BINARY} against; remove that to measure from source, or bench with the Deno that made it: ${said}`,
  );
}
