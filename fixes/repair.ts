/**
 * `flandoc fix` from end to end, apart from the terminal: collect, plan, show,
 * ask, lock, journal, apply, collect again, judge again.
 *
 * @module
 */
import type { CheckCode } from "../checks/check.ts";
import { type CheckResult, runChecks, severityOf } from "../checks/engine.ts";
import { CATALOGUE } from "../checks/mod.ts";
import { containerNamespace } from "../snapshot/container_namespace.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import type { Plan } from "./action.ts";
import { execute, rollBack, type StepFailure } from "./execute.ts";
import { fileState } from "./file_state.ts";
import type { Fix, PlanInput } from "./fix.ts";
import { gotWorse, hasError } from "./got_worse.ts";
import { type Hands, hostHands } from "./hands.ts";
import { Journal, type JournalEntry, newEntryId } from "./journal.ts";
import { requireState, withLock } from "./lock.ts";
import { pruneJournal } from "./prune_journal.ts";
import { currentPlace } from "./undo.ts";

/** What the terminal gives to a repair. */
export interface RepairOptions {
  readonly fixes: readonly Fix[];
  /** Whether they were named: only then are actions planned that are not safe. */
  readonly named: boolean;
  readonly dryRun: boolean;
  readonly version: string;
  /** State directory, for the lock and the journal. */
  readonly state: string;
  /** Reads the host; called again after the changes. */
  readonly collect: () => Promise<Facts>;
  /** Shows the plan and asks; true to go on. */
  readonly confirm: (plan: Plan) => Promise<boolean>;
  /** @default this host's */
  readonly hands?: Hands;
  /**
   * Does the changes and the look at them, for whoever wants to know when they
   * begin; gets the id of the journal entry. @default calls `work`
   */
  readonly during?: <T>(id: string, work: () => Promise<T>) => Promise<T>;
}

/** How a repair ended. */
export type RepairEnd =
  | {
    readonly kind: "nothing" | "planned" | "declined";
    readonly plan: Plan;
    /** Codes the fixes answer that fail and that no action answers. */
    readonly left: readonly CheckCode[];
  }
  /** What was looked at is a container, not its host: nothing was planned. */
  | { readonly kind: "container"; readonly facts: Facts }
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
    /** Codes the fixes answer that still fail. */
    readonly left: readonly CheckCode[];
    /** Ids of older repairs in force that have left the journal for it. */
    readonly pruned: readonly string[];
  };

/**
 * Plans, asks, applies, verifies.
 *
 * @throws {StateError | LockedError} when flandoc cannot work at all
 */
export async function repair(options: RepairOptions): Promise<RepairEnd> {
  if (!options.dryRun) await requireState(options.state);
  const facts = await options.collect();
  if (containerNamespace(facts) !== null) return { kind: "container", facts };
  const before = look(facts);
  const plan = planAll(before, options);
  const left = leftCodes(before.results, plan, options);
  if (plan.actions.length === 0) return { kind: "nothing", plan, left };
  if (options.dryRun) return { kind: "planned", plan, left };
  if (!await options.confirm(plan)) return { kind: "declined", plan, left };
  return await withLock(options.state, async () => {
    // The person took their time; act on what is there now, or not at all.
    const now = look(await options.collect());
    const again = planAll(now, options);
    if (!samePlan(again, plan)) return { kind: "moved", plan };
    const entry = newEntry(again, now, options);
    const work = () => applyAndVerify(again, now, entry, options);
    return await (options.during?.(entry.id, work) ?? work());
  });
}

async function applyAndVerify(
  plan: Plan,
  before: PlanInput,
  prepared: JournalEntry,
  options: RepairOptions,
): Promise<RepairEnd> {
  const { hands = hostHands() } = options;
  const journal = new Journal(options.state);
  const { entry, failure, stuck } = await execute(prepared, journal, hands);
  if (failure !== null) {
    return { kind: "failed", plan, entry, failure, stuck, worse: [] };
  }
  const { after, worse } = await verify(plan, before, options);
  if (worse.length > 0) {
    const back = await rollBack(entry, journal, hands);
    return {
      kind: "worse",
      plan,
      entry: back.entry,
      failure: null,
      stuck: back.stuck,
      worse,
    };
  }
  const left = leftCodes(after.results, { ...plan, actions: [] }, options);
  const planned = new Set(plan.actions.map(({ code }) => code));
  // An action may answer more than its own code: copies go with the rule.
  for (const code of options.fixes.flatMap((fix) => fix.codes)) {
    if (isFailing(before, code) && !left.includes(code)) planned.add(code);
  }
  const failing = [...planned].filter((code) => isFailing(after, code));
  return {
    kind: "applied",
    plan,
    entry,
    repaired: [...planned].filter((code) => !failing.includes(code)),
    left: [...new Set([...failing, ...left])],
    pruned: pruneJournal(journal, currentPlace()),
  };
}

function newEntry(
  plan: Plan,
  before: PlanInput,
  options: RepairOptions,
): JournalEntry {
  const time = new Date();
  return {
    schema: "flandoc.journal/v1",
    id: newEntryId(time),
    time: time.toISOString(),
    hostname: valueOf(before.facts.host)?.hostname ?? "",
    ...currentPlace(),
    version: options.version,
    state: "applying",
    done: 0,
    actions: plan.actions,
  };
}

/**
 * Looks again. An echo or an answer of a store can be lost once: only what is
 * worse at a second look too counts.
 */
async function verify(
  plan: Plan,
  before: PlanInput,
  { collect }: RepairOptions,
): Promise<{ readonly after: PlanInput; readonly worse: CheckCode[] }> {
  const changes = plan.actions.map(({ change }) => change);
  const after = look(await collect());
  const first = gotWorse(before.results, after.results, changes);
  if (first.length === 0) return { after, worse: [] };
  const again = look(await collect());
  const worse = gotWorse(before.results, again.results, changes)
    .filter((code) => first.includes(code));
  return { after: again, worse };
}

/** Facts with every check's verdict over them. */
export function look(facts: Facts): PlanInput {
  const results = runChecks(CATALOGUE, facts, { now: () => 0 });
  return {
    facts,
    results: new Map(results.map((result) => [result.check.code, result])),
    together: new Set(),
    named: false,
    file: fileState,
  };
}

/** All fixes' plans as one; unnamed, only what is safe. */
export function planAll(
  input: PlanInput,
  { fixes, named }: Pick<RepairOptions, "fixes" | "named">,
): Plan {
  const together = new Set(fixes.map(({ name }) => name));
  const plans = fixes.map((fix) => {
    const { actions, refusals } = fix.plan({ ...input, together, named });
    return { actions, refusals: named || !fix.onlyNamed ? refusals : [] };
  });
  const actions = plans.flatMap((each) => each.actions);
  const done = actions.filter(({ risk }) => named || risk === "safe");
  return {
    actions: done,
    refusals: plans.flatMap(({ refusals }) => refusals),
    withheld: actions.filter((action) => !done.includes(action)),
  };
}

/** What is done is what was shown: the commands tell. */
function samePlan(a: Plan, b: Plan): boolean {
  const shown = ({ actions }: Plan) =>
    JSON.stringify(
      actions.map(({ fix, code, commands }) => [fix, code, commands]),
    );
  return shown(a) === shown(b);
}

function isFailing({ results }: PlanInput, code: CheckCode): boolean {
  const result = results.get(code);
  return result !== undefined && isWrong(result);
}

function isWrong({ check, findings }: CheckResult): boolean {
  return findings.some((finding) => severityOf(check, finding) !== "info");
}

/**
 * Codes that fail though no action answers them. Of fixes that were named, all
 * that they answer, and errors beside those; else every error of this host,
 * whether a fix answers it or not, as `flandoc check` counts: "nothing to
 * repair" of a host that is down would be believed.
 */
function leftCodes(
  results: PlanInput["results"],
  { actions }: Plan,
  { fixes, named }: Pick<RepairOptions, "fixes" | "named">,
): CheckCode[] {
  const planned = new Set(actions.map(({ code }) => code));
  const own = new Set(fixes.flatMap((fix) => fix.codes));
  const beside = new Set(fixes.flatMap((fix) => fix.beside ?? []));
  const isLeft = (result: CheckResult) =>
    !named || beside.has(result.check.code)
      ? hasError(result)
      : own.has(result.check.code) && isWrong(result);
  return [...results.values()].filter(isLeft).map(({ check }) => check.code)
    .filter((code) => !planned.has(code));
}

/** Exit status of `flandoc fix`: 0 nothing is left to repair, 1 something is. */
export function repairStatus(end: RepairEnd): number {
  if (end.kind === "container") return 3;
  if (end.kind !== "applied" && end.kind !== "nothing") return 1;
  return end.left.length > 0 || end.plan.refusals.length > 0 ? 1 : 0;
}
