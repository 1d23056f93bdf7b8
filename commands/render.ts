import type { Report, TextStyle } from "../report/report.ts";
import type { OUTPUTS } from "./check.ts";

/** Renders reports in the form asked for; only that renderer is loaded. */
export async function render(
  output: (typeof OUTPUTS)[number],
  reports: readonly Report[],
  style: TextStyle,
): Promise<string> {
  switch (output) {
    case "text":
      return (await import("../report/text.ts")).renderText(reports, style);
    case "short":
      return (await import("../report/short.ts")).renderShort(reports, style);
    case "json":
      return (await import("../report/json.ts")).renderJson(reports);
    case "junit":
      return (await import("../report/junit.ts")).renderJunit(reports);
    case "sarif":
      return (await import("../report/sarif.ts")).renderSarif(reports);
  }
}
