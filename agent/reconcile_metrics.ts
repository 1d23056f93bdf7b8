/**
 * Figures of a look at the kernel.
 *
 * @module
 */
import type { IgnoredPeer } from "../flannel/expected_types.ts";
import type { Metrics } from "./metrics.ts";
import type { WantedCounts } from "./peer_book.ts";
import type { Outstanding } from "./repair.ts";

/** Reasons for which peers are left alone, the own lease aside. */
const REASONS = ["backend-type", "backend-data", "no-subnet"] as const;

/** What a look found. */
export interface ReconcileFigures {
  readonly wanted: WantedCounts & { readonly device: number };
  readonly ignored: readonly IgnoredPeer[];
  readonly outstanding: readonly Outstanding[];
}

/** Sets the gauges of wanted and present objects. */
export function noteReconcile(
  metrics: Metrics,
  { wanted, ignored, outstanding }: ReconcileFigures,
): void {
  for (const [kind, count] of Object.entries(wanted)) {
    const left = new Set(
      outstanding.filter((o) => o.kind === kind).map((o) => o.message),
    );
    metrics.set("flandoc_wanted", count, { kind });
    metrics.set("flandoc_present", Math.max(0, count - left.size), { kind });
  }
  metrics.set("flandoc_outstanding", outstanding.length);
  for (const reason of REASONS) {
    const some = ignored.filter((i) => i.reason === reason);
    metrics.set("flandoc_peers_ignored", some.length, { reason });
  }
}
