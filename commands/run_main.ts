import { agentOptions, UsageError } from "../agent/options.ts";
import { runAgent } from "../agent/run.ts";
import { FLANNELD_FLAGS } from "../flannel/flags.ts";
import type { FlandocContext } from "./context.ts";
import { type FlagValues, givenFlags } from "./flannel_flags.ts";
import { versionLine } from "../version.ts";
import { PASSED_OVER, type RunFlags } from "./run.ts";

/** Runs the agent until it is told to stop; its exit status is flandoc's. */
export async function run(
  this: FlandocContext,
  flags: RunFlags & FlagValues,
): Promise<void> {
  if (flags.version) {
    // Where flanneld prints its own, before anything else is looked at.
    this.process.stderr.write(`${versionLine()}\n`);
    return;
  }
  try {
    if (flags.printUnit) {
      const { unitFile } = await import("../agent/unit_file.ts");
      const unit = unitFile(givenFlags(flags), flags, executable());
      this.process.stdout.write(unit);
      return;
    }
    const options = agentOptions(givenFlags(flags), agentEnvironment(), {
      ...flags.snat === undefined ? {} : { snat: flags.snat },
      ...flags.logFormat === undefined ? {} : { logFormat: flags.logFormat },
      ...flags.verbosity === undefined ? {} : { verbosity: flags.verbosity },
      ignoredFlags: Object.keys(PASSED_OVER)
        .filter((name) => flags[name] !== undefined),
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

/** The file that runs, as one executable; undefined from source. */
function executable(): string | undefined {
  return Deno.env.get("FLANDOC_PORTABLE") ||
    (Deno.build.standalone ? Deno.execPath() : undefined);
}

/** Variables of the agent beside those of flanneld's flags. */
const MORE_VARIABLES = [
  "FLANDOC_ETCD_API",
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
  "NODE_NAME",
  "POD_NAME",
  "POD_NAMESPACE",
  "KUBERNETES_SERVICE_HOST",
  "KUBERNETES_SERVICE_PORT",
];

/** The variables the agent reads, each by name: permissions are by name too. */
function agentEnvironment(): Record<string, string | undefined> {
  const names = FLANNELD_FLAGS.flatMap(({ env }) => [
    env,
    env.replace("FLANNELD_", "FLANDOC_"),
  ]);
  return Object.fromEntries(
    [...names, ...MORE_VARIABLES].map((name) => [name, Deno.env.get(name)]),
  );
}
