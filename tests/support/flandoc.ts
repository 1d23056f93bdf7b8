/**
 * flandoc as a person runs it: the binary named by `FLANDOC_BINARY`, else from
 * source.
 *
 * @module
 */
import { flandocCommand } from "../../lab/mod.ts";

/** What a run gave. */
export interface FlandocRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs flandoc on this machine. For commands that touch no network. */
export async function flandoc(
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly cwd?: string } =
    {},
): Promise<FlandocRun> {
  const [program = "", ...first] = flandocCommand();
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...first, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...options,
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}
