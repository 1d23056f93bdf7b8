import type { CheckResult } from "./engine.ts";
import { severityOf } from "./engine.ts";

/** Counts over all results: checks by verdict, findings by severity. */
export interface Summary {
  readonly ok: number;
  readonly failed: number;
  readonly unknown: number;
  readonly skipped: number;
  readonly crashed: number;
  /** Checks with at least one error finding. */
  readonly errors: number;
  /** Checks whose gravest finding is a warning. */
  readonly warnings: number;
}

/** Counts verdicts and severities. */
export function summarize(results: readonly CheckResult[]): Summary {
  const count = { ok: 0, failed: 0, unknown: 0, skipped: 0, crashed: 0 };
  let errors = 0;
  let warnings = 0;
  for (const result of results) {
    count[result.verdict]++;
    const grades = result.findings.map((f) => severityOf(result.check, f));
    if (grades.includes("error")) errors++;
    else if (grades.includes("warning")) warnings++;
  }
  return { ...count, errors, warnings };
}

/**
 * Exit status of `check`, the same in every output format: 0 nothing wrong,
 * 1 an error finding (with strict, a warning or an unknown too), 3 flandoc
 * could not do its work: a check crashed, or nothing at all could be judged.
 */
export function exitStatus(summary: Summary, strict: boolean): 0 | 1 | 3 {
  if (summary.crashed > 0) return 3;
  if (summary.errors > 0) return 1;
  if (strict && summary.warnings + summary.unknown > 0) return 1;
  return summary.ok + summary.failed === 0 && summary.unknown > 0 ? 3 : 0;
}
