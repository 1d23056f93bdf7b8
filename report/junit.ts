import type { Finding } from "../checks/check.ts";
import type { CheckResult } from "../checks/engine.ts";
import { severityOf } from "../checks/engine.ts";
import { summarize } from "../checks/summary.ts";
import { valueOf } from "../snapshot/fact.ts";
import { reasonText } from "./reason.ts";
import type { Report } from "./report.ts";
import { messageOf } from "./template.ts";

/**
 * JUnit XML: a suite a host, a case a check. Error findings are failures; an
 * unknown or crashed check is an error of the test; warnings stand in
 * system-out, since JUnit has no word for them.
 */
export function renderJunit(reports: readonly Report[]): string {
  const suites = reports.map(suite).join("\n");
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="flandoc">\n${suites}\n</testsuites>\n`;
}

function suite(report: Report): string {
  const summary = summarize(report.results);
  const host = valueOf(report.facts.host);
  const attributes = [
    `name="${escapeXml(host?.hostname ?? "unknown host")}"`,
    `tests="${report.results.length}"`,
    `failures="${summary.errors}"`,
    `errors="${summary.unknown + summary.crashed}"`,
    `skipped="${summary.skipped}"`,
    `time="${(report.elapsedMs / 1000).toFixed(3)}"`,
    ...(host ? [`timestamp="${host.taken}"`] : []),
  ].join(" ");
  const cases = report.results.map(testCase).join("\n");
  return `  <testsuite ${attributes}>\n${cases}\n  </testsuite>`;
}

function testCase(result: CheckResult): string {
  const { check } = result;
  const time = (result.elapsedMs / 1000).toFixed(3);
  const open =
    `    <testcase classname="flandoc.${check.code}" name="${check.name}" time="${time}">`;
  return [open, ...caseBody(result), "    </testcase>"].join("\n");
}

function caseBody(result: CheckResult): string[] {
  const reason = escapeXml(reasonText(result, "en") ?? "");
  if (result.verdict === "skipped") {
    return [`      <skipped message="${reason}"/>`];
  }
  if (result.verdict === "unknown" || result.verdict === "crashed") {
    return [`      <error type="${result.verdict}" message="${reason}"/>`];
  }
  // The schema wants every failure before the first system-out.
  const failures = result.findings.filter((f) => isError(result, f));
  const others = result.findings.filter((f) => !isError(result, f));
  return [...failures, ...others].map((finding) => {
    const message = escapeXml(messageOf(result.check, finding, "en"));
    const lines = finding.evidence.map((e) => `${e.label}: ${e.text}`);
    const body = escapeXml(lines.join("\n"));
    return isError(result, finding)
      ? `      <failure message="${message}">${body}</failure>`
      : `      <system-out>${message}\n${body}</system-out>`;
  });
}

function isError({ check }: CheckResult, finding: Finding): boolean {
  return severityOf(check, finding) === "error";
}

function escapeXml(text: string): string {
  return text
    // deno-lint-ignore no-control-regex
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "\ufffd")
    .replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;").replace(/\n/g, "&#10;");
}
