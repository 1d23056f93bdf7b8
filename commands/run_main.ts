import { agentOptions, UsageError } from "../agent/options.ts";
import { runAgent } from "../agent/run.ts";
import type { FlandocContext } from "./context.ts";
import { type FlagValues, givenFlags } from "./flannel_flags.ts";
import type { RunFlags } from "./run.ts";

/** Runs the agent until it is told to stop; its exit status is flandoc's. */
export async function run(
  this: FlandocContext,
  flags: RunFlags & FlagValues,
): Promise<void> {
  try {
    if (flags.printUnit) {
      const { unitFile } = await import("../agent/unit_file.ts");
      this.process.stdout.write(unitFile(givenFlags(flags), flags));
      return;
    }
    const options = agentOptions(givenFlags(flags), Deno.env.toObject(), {
      ...flags.snat === undefined ? {} : { snat: flags.snat },
      ...flags.logFormat === undefined ? {} : { logFormat: flags.logFormat },
      ...flags.v === undefined ? {} : { verbosity: flags.v },
    });
    if (flags.cleanup) {
      const { cleanUp } = await import("../agent/clean_up.ts");
      this.process.exitCode = await cleanUp(options);
      return;
    }
    this.process.exitCode = await runAgent(options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    this.process.stderr.write(`${error.message}\n`);
    this.process.exitCode = 2;
  }
}
