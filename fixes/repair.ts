/**
 * `flandoc fix` from end to end, apart from the terminal: collect, plan, show,
 * ask, lock, journal, apply, collect again, judge again.
 *
 * @module
 */
import type { CheckCode } from "../checks/check.ts";
import { type CheckResult, runChecks, severityOf } from "../checks/engine.ts";
import { CATALOGUE } from "../checks/mod.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import type { Plan } from "./action.ts";
import { execute, rollBack, type StepFailure } from "./execute.ts";
import { fileState } from "./file_state.ts";
import type { Fix, PlanInput } from "./fix.ts";
import {
  Journal,
  type JournalEntry,
  newEntryId,
  stateDirectory,
} from "./journal.ts";
import { withLock } from "./lock.ts";
import { currentPlace } from "./undo.ts";

/** What the terminal gives to a repair. */
export interface RepairOptions {
  readonly fixes: readonly Fix[];
  /** Whether they were named: only then are actions planned that are not safe. */
  readonly named: boolean;
  readonly dryRun: boolean;
  readonly version: string;
  /** Reads the host; called again after the changes. */
  readonly collect: () => Promise<Facts>;
  /** Shows the plan and asks; true to go on. */
  readonly confirm: (plan: Plan) => Promise<boolean>;
}

/** How a repair ended. */
export type RepairEnd =
  | { readonly kind: "nothing"; readonly plan: Plan }
  | { readonly kind: "planned" | "declined"; readonly plan: Plan }
  /** Between the plan and the lock the host changed: nothing was done. */
  | { readonly kind: "moved"; readonly plan: Plan }
  | {
    readonly kind: "failed" | "worse";
    readonly plan: Plan;
    readonly entry: JournalEntry;
    readonly failure: StepFailure | null;
    /** Codes that got worse. */
    readonly worse: readonly CheckCode[];
    readonly stuck: readonly StepFailure[];
  }
  | {
    readonly kind: "applied";
    readonly plan: Plan;
    readonly entry: JournalEntry;
    /** Codes answered by the repair that are right now. */
    readonly repaired: readonly CheckCode[];
    /** Codes answered by the repair that still fail. */
    readonly left: readonly CheckCode[];
  };

/** Plans, asks, applies, verifies. Throws only when flandoc cannot work at all. */
export async function repair(options: RepairOptions): Promise<RepairEnd> {
  const before = look(await options.collect());
  const plan = planAll(before, options);
  if (plan.actions.length === 0) return { kind: "nothing", plan };
  if (options.dryRun) return { kind: "planned", plan };
  if (!await options.confirm(plan)) return { kind: "declined", plan };
  const state = stateDirectory();
  return await withLock(state, async () => {
    // The person took their time; act on what is there now, or not at all.
    const now = look(await options.collect());
    if (!samePlan(planAll(now, options), plan)) return { kind: "moved", plan };
    return await applyAndVerify(plan, now, new Journal(state), options);
  });
}

async function applyAndVerify(
  plan: Plan,
  before: PlanInput,
  journal: Journal,
  options: RepairOptions,
): Promise<RepairEnd> {
  const host = valueOf(before.facts.host);
  const time = new Date();
  const { entry, failure, stuck } = await execute({
    schema: "flandoc.journal/v1",
    id: newEntryId(time),
    time: time.toISOString(),
    hostname: host?.hostname ?? "",
    ...currentPlace(),
    version: options.version,
    state: "applying",
    done: 0,
    actions: plan.actions,
  }, journal);
  if (failure !== null) {
    return { kind: "failed", plan, entry, failure, stuck, worse: [] };
  }
  const after = look(await options.collect());
  const worse = newErrors(before.results, after.results);
  if (worse.length > 0) {
    const back = await rollBack(entry, journal);
    return {
      kind: "worse",
      plan,
      entry: back.entry,
      failure: null,
      stuck: back.stuck,
      worse,
    };
  }
  const codes = [...new Set(plan.actions.map(({ code }) => code))];
  const left = codes.filter((code) => hasError(after.results.get(code)));
  return {
    kind: "applied",
    plan,
    entry,
    repaired: codes.filter((code) => !left.includes(code)),
    left,
  };
}

/** Facts with every check's verdict over them. */
export function look(facts: Facts): PlanInput {
  const results = runChecks(CATALOGUE, facts, { now: () => 0 });
  return {
    facts,
    results: new Map(results.map((result) => [result.check.code, result])),
    together: new Set(),
    file: fileState,
  };
}

/** All fixes' plans as one; unnamed, only what is safe. */
export function planAll(
  input: PlanInput,
  { fixes, named }: Pick<RepairOptions, "fixes" | "named">,
): Plan {
  const together = new Set(fixes.map(({ name }) => name));
  const plans = fixes.map((fix) => fix.plan({ ...input, together }));
  return {
    actions: plans.flatMap(({ actions }) => actions)
      .filter(({ risk }) => named || risk === "safe"),
    refusals: plans.flatMap(({ refusals }) => refusals),
  };
}

function samePlan(a: Plan, b: Plan): boolean {
  return JSON.stringify(a.actions) === JSON.stringify(b.actions);
}

function hasError(result: CheckResult | undefined): boolean {
  return result?.findings.some((f) => severityOf(result.check, f) !== "info") ??
    false;
}

/**
 * Checks that were ok before and fail with an error now. What became judgeable
 * only now (moot or unknown before) was not made worse by the repair.
 */
function newErrors(
  before: PlanInput["results"],
  after: PlanInput["results"],
): CheckCode[] {
  return [...after.values()].filter((result) =>
    before.get(result.check.code)?.verdict === "ok" &&
    result.findings.some((f) => severityOf(result.check, f) === "error")
  ).map(({ check }) => check.code);
}
