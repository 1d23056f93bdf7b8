import { collectFacts } from "../snapshot/collect.ts";
import { saveSnapshot, snapshotText } from "../snapshot/save.ts";
import type { FlandocContext } from "./context.ts";
import { type FlagValues, givenFlags } from "./flannel_flags.ts";
import { progressOf } from "./progress.ts";
import type { SnapshotFlags } from "./snapshot.ts";

/** Collects all facts and writes the document to stdout or a private file. */
export async function snapshot(
  this: FlandocContext,
  flags: SnapshotFlags & FlagValues,
): Promise<void> {
  const progress = progressOf(this);
  try {
    const facts = await collectFacts({
      flags: givenFlags(flags),
      probe: flags.probe ?? true,
      onProgress: progress.show,
    });
    if (flags.file === undefined || flags.file === "-") {
      this.process.stdout.write(snapshotText(facts));
    } else await saveSnapshot(flags.file, facts);
  } finally {
    progress.clear();
  }
}
