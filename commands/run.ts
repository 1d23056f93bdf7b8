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
