import type { CheckCode, FixName } from "../checks/check.ts";
import type { CheckResult } from "../checks/engine.ts";
import type { Facts } from "../snapshot/facts.ts";
import type { Plan } from "./action.ts";

/** A file before a repair. */
export interface FileState {
  readonly text: string;
  /** Permission bits such as 0o644. */
  readonly mode: number;
}

/** What a plan is made from. */
export interface PlanInput {
  readonly facts: Facts;
  /** Every check's verdict over the same facts: a repair judges nothing itself. */
  readonly results: ReadonlyMap<CheckCode, CheckResult>;
  /** All repairs planned together: one may prepare what another keeps. */
  readonly together: ReadonlySet<FixName>;
  /** Whether they were named: only then what is not safe is done. */
  readonly named: boolean;
  /** A file as it is now, or null where there is none. */
  readonly file: (path: string) => FileState | null;
}

/** One repair that `flandoc fix --NAME` plans. */
export interface Fix {
  readonly name: FixName;
  /** The codes it answers. */
  readonly codes: readonly CheckCode[];
  /** Codes of the same thing that it cannot answer: errors there are named. */
  readonly beside?: readonly CheckCode[];
  /** Whether it is never safe, so that it says nothing unless it is named. */
  readonly onlyNamed?: boolean;
  /**
   * Actions that would repair what the checks found, and what it leaves and
   * why. Plans nothing when there is nothing to repair. Changes nothing.
   */
  plan(input: PlanInput): Plan;
}
