import { buildCommand } from "@stricli/core";
import type { Language } from "../checks/check.ts";
import type { FlandocContext } from "./context.ts";
import { type FlagValues, NETWORK_FLAGS } from "./flannel_flags.ts";
import { TEXT_FLAGS } from "./text_flags.ts";

/** Renderers by the name `-o` takes. */
export const OUTPUTS = ["text", "short", "json", "junit", "sarif"] as const;

/** Flags of `flandoc check` besides flanneld's. */
export interface CheckFlags {
  readonly output: (typeof OUTPUTS)[number];
  readonly lang?: Language;
  readonly color?: boolean;
  readonly verbose?: boolean;
  readonly strict?: boolean;
  readonly only?: readonly string[];
  readonly skip?: readonly string[];
  readonly probe?: boolean;
  readonly from?: readonly string[];
  readonly listInputs?: boolean;
}

/** `flandoc check`: judges this host, now, or snapshots of hosts. */
export const checkCommand = buildCommand<
  CheckFlags & FlagValues,
  string[],
  FlandocContext
>({
  loader: async () => (await import("./check_main.ts")).check,
  parameters: {
    flags: {
      output: {
        kind: "enum",
        values: OUTPUTS,
        brief: "Form of the report",
        default: "text",
      },
      ...TEXT_FLAGS,
      verbose: {
        kind: "boolean",
        brief: "Every verdict with its reason, every setting with its source",
        optional: true,
        withNegated: false,
      },
      strict: {
        kind: "boolean",
        brief: "Exit 1 for a warning or an unknown too",
        optional: true,
        withNegated: false,
      },
      only: {
        kind: "parsed",
        parse: String,
        variadic: ",",
        brief: "Judge only these codes or names",
        placeholder: "codes",
        optional: true,
      },
      skip: {
        kind: "parsed",
        parse: String,
        variadic: ",",
        brief: "Do not judge these codes or names",
        placeholder: "codes",
        optional: true,
      },
      probe: {
        kind: "boolean",
        brief: "Ask peers by ARP and echo (--no-probe: send nothing)",
        default: true,
      },
      from: {
        kind: "parsed",
        parse: String,
        variadic: true,
        brief: "Judge snapshot files instead of this host",
        placeholder: "file",
        optional: true,
      },
      listInputs: {
        kind: "boolean",
        brief: "Name the programs run and the files read, and stop",
        optional: true,
        withNegated: false,
      },
      ...NETWORK_FLAGS,
    } as never,
    positional: {
      kind: "array",
      parameter: {
        parse: String,
        brief: "More snapshot files after --from",
        placeholder: "file",
      },
    },
    aliases: { o: "output", v: "verbose" },
  },
  docs: {
    customUsage: [
      "[flags]",
      "-o json",
      "--from a.json [b.json …]",
    ],
    brief: "Say what is wrong with the flannel network of this host",
    fullDescription:
      "Judges this host, now. With no flags it finds the network itself: from " +
      "the environment, a running flanneld or flandoc, a systemd unit, " +
      "flannel's defaults. Exit status: 0 nothing wrong, 1 an error was found, " +
      "2 wrong usage, 3 flandoc could not do its work.",
  },
});
