import { buildCommand } from "@stricli/core";
import type { FlandocContext } from "./context.ts";
import {
  AGENT_FLAGS,
  type FlagValues,
  NETWORK_FLAGS,
} from "./flannel_flags.ts";

/** Flags of `flandoc run` besides flanneld's. */
export interface RunFlags {
  readonly snat?: boolean;
  readonly logFormat?: "text" | "json";
  readonly cleanup?: boolean;
  readonly printUnit?: boolean;
  readonly verbosity?: string;
  readonly version?: boolean;
}

/**
 * Flags of flanneld's logging library: taken, so that a unit that has them need
 * not be changed, and passed over. Names as in `LOGGING_FLAGS`, which is not
 * imported here for the sake of the other commands' start.
 */
export const PASSED_OVER: Readonly<Record<string, "boolean" | "parsed">> = {
  vmodule: "parsed",
  log_backtrace_at: "parsed",
  alsologtostderr: "boolean",
  logtostderr: "boolean",
  log_dir: "parsed",
  stderrthreshold: "parsed",
  add_dir_header: "boolean",
  log_file: "parsed",
  log_file_max_size: "parsed",
  one_output: "boolean",
  skip_headers: "boolean",
  skip_log_headers: "boolean",
};

function passedOver(): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(PASSED_OVER).map(([name, kind]) => [name, {
      kind,
      brief: "flanneld's, passed over",
      optional: true,
      hidden: true,
      ...kind === "boolean"
        ? { withNegated: false }
        : { parse: String, placeholder: "text" },
    }]),
  );
}

/** `flandoc run`: the flannel agent. */
export const runCommand = buildCommand<
  RunFlags & FlagValues,
  [],
  FlandocContext
>({
  loader: async () => (await import("./run_main.ts")).run,
  parameters: {
    flags: {
      ...NETWORK_FLAGS,
      ...AGENT_FLAGS,
      snat: {
        kind: "boolean",
        brief: "Keep Docker's masquerade rule scoped, Docker restarts included",
        optional: true,
        withNegated: false,
      },
      logFormat: {
        kind: "enum",
        values: ["text", "json"],
        brief: "Form of the log on stderr",
        default: "text",
      },
      cleanup: {
        kind: "boolean",
        brief: "Remove exactly what flandoc made on this host, and stop",
        optional: true,
        withNegated: false,
      },
      printUnit: {
        kind: "boolean",
        brief: "Print a systemd unit with these flags, and stop",
        optional: true,
        withNegated: false,
      },
      verbosity: {
        kind: "parsed",
        parse: String,
        brief: "Log level; flanneld's -v",
        placeholder: "level",
        optional: true,
      },
      version: {
        kind: "boolean",
        brief: "Print the version on stderr, and stop",
        optional: true,
        withNegated: false,
      },
      ...passedOver(),
    } as never,
  },
  docs: {
    customUsage: [
      "[flanneld's flags] [--snat]",
      "--print-unit",
      "--cleanup",
    ],
    brief: "Be the flannel agent of this host",
    fullDescription:
      "Takes flanneld's own flags, -flag or --flag, and its FLANNELD_* " +
      "variables. Acquires, renews and watches leases, writes subnet.env, keeps " +
      "the kernel as the records want it, until SIGTERM.",
  },
});
