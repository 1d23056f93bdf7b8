import type { Check, Severity } from "../checks/check.ts";
import { severityOf } from "../checks/engine.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Report } from "./report.ts";
import { messageOf } from "./template.ts";

const LEVELS: Readonly<Record<Severity, string>> = {
  error: "error",
  warning: "warning",
  info: "note",
};

/** SARIF 2.1.0: a run a host, a rule a check, a result a finding. */
export function renderSarif(reports: readonly Report[]): string {
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: reports.map(run),
  };
  return JSON.stringify(log, null, 2) + "\n";
}

function run(report: Report): Record<string, unknown> {
  const host = valueOf(report.facts.host)?.hostname ?? "unknown host";
  return {
    tool: {
      driver: {
        name: "flandoc",
        version: report.version,
        rules: report.results.map(({ check }) => rule(check)),
      },
    },
    invocations: [{
      executionSuccessful: !report.results.some((r) => r.verdict === "crashed"),
      machine: host,
    }],
    results: report.results.flatMap(({ check, findings }, ruleIndex) =>
      findings.map((finding) => ({
        ruleId: check.code,
        ruleIndex,
        level: LEVELS[severityOf(check, finding)],
        message: { text: messageOf(check, finding, "en") },
        locations: [{
          logicalLocations: [{
            name: finding.subject,
            fullyQualifiedName: `${host}/${finding.subject}`,
          }],
        }],
        properties: {
          arguments: finding.arguments,
          evidence: finding.evidence.map((e) => `${e.label}: ${e.text}`),
          commands: finding.commands,
        },
      }))
    ),
  };
}

function rule(check: Check): Record<string, unknown> {
  const text = check.text.en;
  return {
    id: check.code,
    name: check.name,
    shortDescription: { text: text.title },
    fullDescription: { text: text.meaning },
    help: { text: text.repair },
    defaultConfiguration: { level: LEVELS[check.severity] },
    ...(check.sources[0]?.startsWith("http")
      ? { helpUri: check.sources[0] }
      : {}),
  };
}
