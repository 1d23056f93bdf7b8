/**
 * Judges one check as the engine does and gives what an administrator would
 * read, line by line, so that tests show a diff of text.
 *
 * @module
 */
import type { Check, Finding } from "../../checks/check.ts";
import { runChecks, severityOf } from "../../checks/engine.ts";
import { messageOf } from "../../report/template.ts";
import type { FactName, Facts } from "../../snapshot/facts.ts";
import { unknown } from "../../snapshot/fact.ts";

/** Verdict, and the reason or the findings, of one check over facts. */
export interface Judged {
  /** Such as `ok`, `failed`, `skipped: no-peers`, `unknown: no permission`. */
  readonly verdict: string;
  readonly findings: readonly Finding[];
  /** The findings as text: severity, variant, subject, evidence, commands. */
  readonly lines: readonly string[];
}

function linesOf(check: Check, finding: Finding): string[] {
  // Both languages must have the template and every argument it names.
  messageOf(check, finding, "zh");
  messageOf(check, finding, "en");
  const variant = finding.variant === undefined ? "" : ` ${finding.variant}`;
  return [
    `${severityOf(check, finding)}${variant}: ${finding.subject}`,
    ...finding.evidence.map(({ label, text }) => `  ${label} ${text}`),
    ...finding.commands.map((command) => `  $ ${command}`),
  ];
}

/** Judges one check alone, so without what its `after` would make moot. */
export function judged(check: Check, facts: Facts): Judged {
  const [result] = runChecks([check], facts, { now: () => 0 });
  const { verdict, reason, findings } = result!;
  return {
    verdict: reason === null
      ? verdict
      : reason.kind === "inapplicable"
      ? `skipped: ${reason.key}`
      : reason.kind === "unknown"
      ? `unknown: ${reason.reasons.join("; ")}`
      : reason.kind === "crashed"
      ? `crashed: ${reason.error}`
      : verdict,
    findings,
    lines: findings.flatMap((finding) => linesOf(check, finding)),
  };
}

/** The English sentences of a check's findings over facts. */
export function sentences(check: Check, facts: Facts): string[] {
  return judged(check, facts).findings.map((f) => messageOf(check, f, "en"));
}

/** The facts with one of them unknown, for the reason "not looked at". */
export function without(facts: Facts, name: FactName): Facts {
  return { ...facts, [name]: unknown("not looked at") };
}

/** Value of a fact that a fixture knows. */
export function given<N extends FactName>(
  facts: Facts,
  name: N,
): Extract<Facts[N], { readonly known: unknown }>["known"] {
  const fact = facts[name];
  if (!("known" in fact)) {
    throw new TypeError(`Cannot use fixture: fact "${name}" is unknown`);
  }
  return fact.known;
}
