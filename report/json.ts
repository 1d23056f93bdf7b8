import type { CheckResult } from "../checks/engine.ts";
import { severityOf } from "../checks/engine.ts";
import { summarize } from "../checks/summary.ts";
import { valueOf } from "../snapshot/fact.ts";
import { reasonText } from "./reason.ts";
import type { Report } from "./report.ts";
import { messageOf } from "./template.ts";

/** Milliseconds with a tenth: finer would be noise. */
function tenth(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}

/** The document `flandoc.report/v1` as a plain object, always in English. */
export function reportDocument(report: Report): Record<string, unknown> {
  const host = valueOf(report.facts.host);
  return {
    schema: "flandoc.report/v1",
    version: report.version,
    host: host?.hostname ?? null,
    taken: host?.taken ?? null,
    elapsedMs: Math.round(report.elapsedMs),
    summary: summarize(report.results),
    checks: report.results.map(checkEntry),
  };
}

function checkEntry(result: CheckResult): Record<string, unknown> {
  const { check } = result;
  return {
    code: check.code,
    name: check.name,
    verdict: result.verdict,
    severity: check.severity,
    elapsedMs: tenth(result.elapsedMs),
    reason: reasonText(result, "en"),
    findings: result.findings.map((finding) => ({
      subject: finding.subject,
      severity: severityOf(check, finding),
      message: messageOf(check, finding, "en"),
      variant: finding.variant ?? "default",
      arguments: finding.arguments,
      evidence: finding.evidence.map(({ label, text }) => `${label}: ${text}`),
      commands: finding.commands,
      fix: finding.fix === null ? null : check.fix ?? null,
    })),
  };
}

/** JSON of one report, or of several as one document with `reports`. */
export function renderJson(reports: readonly Report[]): string {
  const documents = reports.map(reportDocument);
  const body = documents.length === 1
    ? documents[0]
    : { schema: "flandoc.reports/v1", reports: documents };
  return JSON.stringify(body, null, 2) + "\n";
}
