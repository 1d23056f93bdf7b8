/**
 * Sends repairs to the kernel.
 *
 * @module
 */
import type { ChangeResult } from "../host/netlink/changes.ts";
import type { Kernel } from "./kernel.ts";
import type { Metrics } from "./metrics.ts";
import type { Outstanding, Repair } from "./repair.ts";
import type { RepairGuard } from "./repair_guard.ts";
import type { RepairLog } from "./repair_log.ts";

/** Options of {@linkcode RepairSender}. */
export interface RepairSenderOptions {
  readonly kernel: Pick<Kernel, "apply">;
  readonly metrics: Metrics;
  readonly guard: RepairGuard;
  readonly said: RepairLog;
}

/** Errors of a delete that say: it is gone already. */
const GONE: readonly string[] = ["ESRCH", "ENOENT", "EADDRNOTAVAIL", "ENODEV"];

/** Whether things are as a change wants them. */
export function isDone({ change, error }: ChangeResult): boolean {
  return error === null ||
    (change.op === "delete" && GONE.includes(error.code));
}

/** Sends repairs, tells of them and counts them. */
export class RepairSender {
  readonly #options: RepairSenderOptions;

  constructor(options: RepairSenderOptions) {
    this.#options = options;
  }

  /**
   * Sends what may be sent; answers what is wrong still.
   *
   * @param restrained Whether objects that were repaired often must wait.
   */
  async send(
    repairs: readonly Repair[],
    restrained: boolean,
  ): Promise<Outstanding[]> {
    const { kernel, metrics, said } = this.#options;
    const outstanding: Outstanding[] = [];
    const allowed = repairs.filter((repair) => {
      if (!restrained || this.#isAllowed(repair)) return true;
      const { kind, key } = repair;
      outstanding.push({ kind, message: `${key} is kept wrong by somebody` });
      return false;
    });
    metrics.set("flandoc_held_back", outstanding.length);
    if (allowed.length === 0) return outstanding;
    const results = await kernel.apply(allowed.map(({ change }) => change));
    const done: Repair[] = [];
    const made: Repair[] = [];
    for (const [index, result] of results.entries()) {
      const repair = allowed[index]!;
      if (result.error === null) made.push(repair);
      const message = this.#judge(repair, result);
      if (message === null) done.push(repair);
      else outstanding.push({ kind: repair.kind, message });
    }
    this.#count(made);
    said.done(done);
    return outstanding;
  }

  /** Counted together: a start makes ten thousand repairs of one kind. */
  #count(made: readonly Repair[]): void {
    for (const [kind, ofKind] of Map.groupBy(made, (r) => r.kind)) {
      for (const [why, each] of Map.groupBy(ofKind, (r) => r.why)) {
        const labels = { kind, why };
        this.#options.metrics.add(
          "flandoc_repairs_total",
          each.length,
          labels,
        );
      }
    }
  }

  /** A peer that cannot be reached is tried at every look, quietly. */
  #isAllowed(repair: Repair): boolean {
    const { guard, said } = this.#options;
    return repair.why === "adopt" || said.has(repair.key) ||
      guard.allows(repair);
  }

  /** Null when the repair is made, else why it is not. */
  #judge({ kind, key }: Repair, result: ChangeResult): string | null {
    const { metrics, said } = this.#options;
    if (result.error === null) said.over(key);
    if (isDone(result)) return null;
    metrics.add("flandoc_repair_errors_total", 1, { kind });
    const message = `Cannot write ${key}: ${result.error!.message}`;
    said.trouble(key, message);
    return message;
  }
}
