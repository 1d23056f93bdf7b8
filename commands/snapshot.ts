import { buildCommand } from "@stricli/core";
import type { FlandocContext } from "./context.ts";
import { type FlagValues, NETWORK_FLAGS } from "./flannel_flags.ts";

/** Flags of `flandoc snapshot` besides flanneld's. */
export interface SnapshotFlags {
  readonly file?: string;
  readonly probe?: boolean;
}

/** `flandoc snapshot`: the facts of this host as one JSON document. */
export const snapshotCommand = buildCommand<
  SnapshotFlags & FlagValues,
  [],
  FlandocContext
>({
  loader: async () => (await import("./snapshot_main.ts")).snapshot,
  parameters: {
    flags: {
      file: {
        kind: "parsed",
        parse: String,
        brief: "Write to this file, readable by its owner only, not to stdout",
        placeholder: "path",
        optional: true,
      },
      probe: {
        kind: "boolean",
        brief: "Ask peers by ARP and echo (--no-probe: send nothing)",
        default: true,
      },
      ...NETWORK_FLAGS,
    } as never,
    aliases: { f: "file" },
  },
  docs: {
    customUsage: [
      "[flags]",
      "-f host.json",
    ],
    brief: "Write all facts of this host as JSON, for check --from",
    fullDescription:
      "Collects what check collects and writes it as one JSON document. " +
      "Passwords, keys and tokens never enter it.",
  },
});
