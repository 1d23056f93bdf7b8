import { buildCommand } from "@stricli/core";
import type { Language } from "../checks/check.ts";
import type { FlandocContext } from "./context.ts";
import { type FlagValues, NETWORK_FLAGS } from "./flannel_flags.ts";
import { TEXT_FLAGS } from "./text_flags.ts";

/** Flags of `flandoc fix` besides flanneld's. */
export interface FixFlags {
  readonly snat?: boolean;
  readonly routes?: boolean;
  readonly forward?: boolean;
  readonly sysctl?: boolean;
  readonly persist?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly lang?: Language;
  readonly color?: boolean;
  readonly probe?: boolean;
}

function named(brief: string) {
  return {
    kind: "boolean",
    brief,
    optional: true,
    withNegated: false,
  } as const;
}

/** `flandoc fix`: plans, shows, asks, applies, verifies, journals. */
export const fixCommand = buildCommand<
  FixFlags & FlagValues,
  [],
  FlandocContext
>({
  loader: async () => (await import("./fix_main.ts")).fix,
  parameters: {
    flags: {
      snat: named("Scope the rules that hide containers behind their host"),
      routes: named(
        "Add missing routes, correct wrong ones, remove our stale ones",
      ),
      forward: named("Accept forwarded traffic of the network"),
      sysctl: named("Set the kernel parameters the network needs"),
      persist: named("Make the repair survive Docker's restart and a reboot"),
      dryRun: named("Show the plan, change nothing; exits 1 if there is one"),
      yes: named("Do not ask"),
      probe: {
        kind: "boolean",
        brief: "Ask peers by ARP and echo (--no-probe: send nothing)",
        default: true,
      },
      ...TEXT_FLAGS,
      ...NETWORK_FLAGS,
    } as never,
    aliases: { y: "yes", n: "dryRun" },
  },
  docs: {
    customUsage: [
      "[--snat] [--routes] [--forward] [--sysctl] [--persist] [--dry-run] [--yes]",
    ],
    brief: "Repair what check found, after showing the plan",
    fullDescription:
      "Plans, shows the plan, asks, applies, checks again and writes a journal " +
      "that undo reads. Without names it plans every safe repair. Exit status: " +
      "0 nothing is left to repair, 1 something is, 2 wrong usage, 3 flandoc " +
      "could not do its work.",
  },
});
