/** A report as `-o json` prints it, as far as tests look at it. */
export interface ReportDocument {
  readonly schema: string;
  readonly host: string;
  readonly summary: Readonly<Record<string, number>>;
  readonly checks: readonly {
    readonly code: string;
    readonly verdict: string;
    readonly reason: string | null;
    readonly findings: readonly {
      readonly subject: string;
      readonly severity: string;
      readonly message: string;
      readonly evidence: readonly string[];
    }[];
  }[];
}

/** Codes with a finding, of any severity. */
export function failedCodes(report: ReportDocument): string[] {
  return report.checks.filter(({ verdict }) => verdict === "failed").map((
    { code },
  ) => code);
}

/** Codes that could not be judged, with the reason: a healthy host has none. */
export function unjudged(report: ReportDocument): string[] {
  return report.checks
    .filter(({ verdict }) => verdict === "unknown" || verdict === "crashed")
    .map(({ code, verdict, reason }) => `${code} ${verdict}: ${reason}`);
}

/** The sentences of all findings, for the message of a failed test. */
export function sentences(report: ReportDocument): string {
  return report.checks.flatMap(({ code, findings }) =>
    findings.map(({ message, evidence }) =>
      [`${code} ${message}`, ...evidence].join("\n    ")
    )
  ).join("\n");
}
