import { buildCommand } from "@stricli/core";
import type { Language } from "../checks/check.ts";
import type { FlandocContext } from "./context.ts";
import { type FlagValues, NETWORK_FLAGS } from "./flannel_flags.ts";
import { TEXT_FLAGS } from "./text_flags.ts";

/** Flags of `flandoc status` besides flanneld's. */
export interface StatusFlags {
  readonly lang?: Language;
  readonly color?: boolean;
}

/** `flandoc status`: how the agent of this host is. */
export const statusCommand = buildCommand<
  StatusFlags & FlagValues,
  [],
  FlandocContext
>({
  loader: async () => (await import("./status_main.ts")).status,
  parameters: { flags: { ...TEXT_FLAGS, ...NETWORK_FLAGS } as never },
  docs: {
    customUsage: [
      "[flags]",
    ],
    brief: "Say how the agent of this host is",
    fullDescription:
      "Prints the agent, its lease and how long it lasts, its peers and " +
      "routes, the store, and what it has repaired. Exit status: 0 it is " +
      "ready, 1 it is not or does not run.",
  },
});
