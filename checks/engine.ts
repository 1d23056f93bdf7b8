/**
 * Runs the catalogue over facts and gives one verdict a check.
 *
 * @module
 */
import type { FactName, Facts, Known } from "../snapshot/facts.ts";
import { commandsHere } from "./agent_commands.ts";
import type { Check, CheckCode, Finding, Severity, Verdict } from "./check.ts";

/** Why a check gave no judgement, without words of any language. */
export type Reason =
  | { readonly kind: "moot"; readonly after: CheckCode }
  | { readonly kind: "inapplicable"; readonly key: string }
  | { readonly kind: "unselected" }
  | { readonly kind: "unknown"; readonly reasons: readonly string[] }
  | { readonly kind: "crashed"; readonly error: string };

/** What became of one check. */
export interface CheckResult {
  readonly check: Check;
  readonly verdict: Verdict;
  /** Null for ok and failed. */
  readonly reason: Reason | null;
  readonly findings: readonly Finding[];
  /** Time spent in `judge()`, milliseconds. */
  readonly elapsedMs: number;
}

/** How to run the catalogue. */
export interface EngineOptions {
  /** Whether to judge this check; all by default. */
  readonly selected?: (check: Check) => boolean;
  /** Milliseconds from any origin; injected, since checks know no clock. */
  readonly now: () => number;
}

/**
 * Judges all checks, each after those whose failure makes it moot.
 *
 * A check is moot after another that failed with an error or a warning, and
 * after whatever made that one moot, so that one cause gives one failure, save
 * for a cause that the check says it does not follow from. So is one that needs
 * a fact which another's finding leaves unknown; what is after that one and
 * needs no such fact is judged. A check that cannot apply is skipped before
 * unknown facts are reported; one that found nothing and is unsure is unknown;
 * and a check that throws is `crashed` without harm to the others.
 *
 * @returns Results in the catalogue's order
 */
export function runChecks(
  checks: readonly Check[],
  facts: Facts,
  options: EngineOptions,
): CheckResult[] {
  const byCode = new Map(checks.map((check) => [check.code, check]));
  const results = new Map<CheckCode, CheckResult>();
  /** Moot for want of a fact, which others may not need. */
  const wanting = new Set<CheckCode>();

  function resultOf(check: Check): CheckResult {
    const done = results.get(check.code);
    if (done !== undefined) return done;
    const result = judgeOne(check);
    results.set(check.code, result);
    return result;
  }

  function judgeOne(check: Check): CheckResult {
    if (options.selected?.(check) === false) {
      return silent(check, "skipped", { kind: "unselected" });
    }
    for (const code of check.after ?? []) {
      const earlier = byCode.get(code);
      const cause = earlier && causeOf(resultOf(earlier));
      if (
        cause && !wanting.has(code) && (check.follows?.(facts, cause) ?? true)
      ) {
        return silent(check, "skipped", { kind: "moot", after: cause });
      }
    }
    const result = judgeFacts(check, facts, options.now);
    if (result.reason?.kind !== "unknown") return result;
    const cause = causeOfUnknown(check);
    if (cause === undefined) return result;
    wanting.add(check.code);
    return silent(check, "skipped", { kind: "moot", after: cause });
  }

  /** The code whose failure leaves a fact unknown that this check needs. */
  function causeOfUnknown({ code, needs }: Check): CheckCode | undefined {
    return checks.filter(({ code: other, leaves }) =>
      other !== code &&
      leaves?.some((name) => needs.includes(name) && "unknown" in facts[name])
    ).map((other) => causeOf(resultOf(other)))
      .find((cause) => cause !== undefined);
  }

  return checks.map(resultOf);
}

/** The code to blame when this result makes a later check moot. */
function causeOf(result: CheckResult): CheckCode | undefined {
  if (result.reason?.kind === "moot") return result.reason.after;
  const grave = result.findings.some((finding) =>
    severityOf(result.check, finding) !== "info" && !finding.alone
  );
  return result.verdict === "failed" && grave ? result.check.code : undefined;
}

function judgeFacts(
  check: Check,
  facts: Facts,
  now: () => number,
): CheckResult {
  const start = now();
  try {
    const key = check.applies?.(facts);
    if (key !== undefined) {
      return silent(check, "skipped", { kind: "inapplicable", key });
    }
    const reasons = unknownReasons(check.needs, facts);
    if (reasons.length > 0) {
      return silent(check, "unknown", { kind: "unknown", reasons });
    }
    const given = knownFacts(check.needs, facts);
    const findings = check.judge(given).map(
      (finding) => ({
        ...finding,
        commands: commandsHere(finding.commands, facts),
      }),
    );
    const unsure = findings.length === 0 ? check.unsure?.(given) ?? [] : [];
    if (unsure.length > 0) {
      const reasons = [...new Set(unsure)];
      return silent(check, "unknown", { kind: "unknown", reasons });
    }
    const verdict = findings.length === 0 ? "ok" : "failed";
    return { check, verdict, reason: null, findings, elapsedMs: now() - start };
  } catch (error) {
    return silent(check, "crashed", {
      kind: "crashed",
      error: describe(error),
    });
  }
}

function silent(check: Check, verdict: Verdict, reason: Reason): CheckResult {
  return { check, verdict, reason, findings: [], elapsedMs: 0 };
}

function unknownReasons(needs: readonly FactName[], facts: Facts): string[] {
  const reasons = new Set<string>();
  for (const name of needs) {
    const fact = facts[name];
    if ("unknown" in fact) reasons.add(fact.unknown);
  }
  return [...reasons];
}

/** Only the named facts, so that a check cannot read what it did not declare. */
function knownFacts(needs: readonly FactName[], facts: Facts): Known<FactName> {
  const entries = needs.map((name) => {
    const fact = facts[name];
    return [name, "known" in fact ? fact.known : undefined];
  });
  return Object.fromEntries(entries);
}

function describe(error: unknown): string {
  return error instanceof Error
    ? (error.stack ?? error.message)
    : String(error);
}

/** Severity of one finding: its own, else its check's. */
export function severityOf(check: Check, finding: Finding): Severity {
  return finding.severity ?? check.severity;
}
