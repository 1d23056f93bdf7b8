import { run } from "@stricli/core";
import { application } from "./application.ts";
import { normalizeArguments } from "./arguments.ts";
import { processContext } from "./context.ts";

/**
 * Runs the command line and sets the exit status: the command's own, 2 for
 * wrong usage, 3 when flandoc itself failed.
 */
export async function main(args: readonly string[]): Promise<void> {
  const context = processContext();
  await run(application, normalizeArguments(args), context);
  Deno.exitCode = exitStatusOf(context.process.exitCode);
}

/**
 * Stricli gives negative numbers for its own failures: -4 and -5 are wrong
 * arguments and unknown commands, the others a command that could not run.
 */
export function exitStatusOf(code: number | string | null | undefined): number {
  const status = Number(code ?? 0);
  if (status === -4 || status === -5) return 2;
  return status < 0 ? 3 : status;
}
