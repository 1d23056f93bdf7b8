import type { CheckCode, Finding, FixName } from "../checks/check.ts";
import type { PlanInput } from "./fix.ts";
import type { Refusal } from "./action.ts";

/** Findings of one check, and a refusal when it could not be judged. */
export interface Judged {
  readonly findings: readonly Finding[];
  /** Set when the check gave no verdict: nothing may be planned from it. */
  readonly refusal?: Refusal;
}

/**
 * What a check found, for a fix to answer. A check that is unknown, moot or
 * crashed gives a refusal, so that no repair acts on a partial view; one that
 * does not apply gives nothing.
 */
export function judged(
  input: PlanInput,
  fix: FixName,
  code: CheckCode,
): Judged {
  const result = input.results.get(code);
  const reason = result?.reason;
  if (reason === undefined || reason === null) {
    return { findings: result?.findings ?? [] };
  }
  if (reason.kind === "inapplicable" || reason.kind === "unselected") {
    return { findings: [] };
  }
  const detail = reason.kind === "moot"
    ? reason.after
    : reason.kind === "unknown"
    ? reason.reasons.join("; ")
    : reason.error.split("\n", 1)[0] ?? "";
  return {
    findings: [],
    refusal: {
      fix,
      code,
      subject: code,
      reason: reason.kind === "moot" ? "moot" : "unjudged",
      arguments: { code, detail },
    },
  };
}
