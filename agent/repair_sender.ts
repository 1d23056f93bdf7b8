/**
 * Sends repairs to the kernel.
 *
 * @module
 */
import type { ChangeResult } from "../host/netlink/changes.ts";
import { deviceOf } from "./device_of.ts";
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
    const unmade = new Set<string | null>();
    for (const [index, first] of results.entries()) {
      const repair = allowed[index]!;
      const result = await this.#unlessBusy(repair, first);
      const { change } = result;
      // What a device was to have follows from its not being made.
      if (unmade.has(deviceOf(change))) continue;
      if (result.error !== null && change.op === "add") {
        unmade.add(deviceOf(change));
      }
      if (result.error === null) made.push(repair);
      const message = this.#judge(repair, result);
      if (message === null) done.push(repair);
      else outstanding.push({ kind: repair.kind, message });
    }
    this.#count(made);
    said.done(done);
    return outstanding;
  }

  /** The result, or that of what is done instead where the object is busy. */
  async #unlessBusy(
    { ifBusy }: Repair,
    result: ChangeResult,
  ): Promise<ChangeResult> {
    if (ifBusy === undefined || result.error?.code !== "EBUSY") return result;
    const results = await this.#options.kernel.apply(ifBusy);
    return results.find(({ error }) => error !== null) ?? results.at(-1)!;
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
  #judge(
    { kind, key, hints }: Repair,
    result: ChangeResult,
  ): string | null {
    const { metrics, said } = this.#options;
    if (result.error === null) said.over(key);
    if (isDone(result)) return null;
    metrics.add("flandoc_repair_errors_total", 1, { kind });
    const { code, message: reason } = result.error!;
    const hint = hints?.[code];
    const message = `Cannot write ${key}: ${reason}` +
      (hint === undefined ? "" : `. ${hint}`);
    said.trouble(key, message);
    return message;
  }
}
