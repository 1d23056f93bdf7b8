import { runChecks } from "../checks/engine.ts";
import { CATALOGUE, findCheck } from "../checks/mod.ts";
import { exitStatus, summarize } from "../checks/summary.ts";
import type { Check } from "../checks/check.ts";
import type { Report } from "../report/report.ts";
import { collectFacts } from "../snapshot/collect.ts";
import { deriveFacts } from "../snapshot/derive.ts";
import type { Facts } from "../snapshot/facts.ts";
import { inputsText } from "../snapshot/inputs.ts";
import { loadSnapshot } from "../snapshot/load.ts";
import { VERSION } from "../version.ts";
import type { CheckFlags } from "./check.ts";
import { type FlandocContext, styleOf } from "./context.ts";
import { type FlagValues, givenFlags } from "./flannel_flags.ts";
import { progressOf } from "./progress.ts";
import { render } from "./render.ts";
import { refusesContainer } from "./refuses_container.ts";
import { selectChecks } from "./select.ts";

/** Judges this host, or the snapshots named, and prints the report. */
export async function check(
  this: FlandocContext,
  flags: CheckFlags & FlagValues,
  ...more: string[]
): Promise<void> {
  if (flags.listInputs) {
    this.process.stdout.write(inputsText());
    return;
  }
  const selection = selectChecks(flags.only, flags.skip);
  if ("error" in selection) return usage(this, selection.error);
  const files = [...flags.from ?? [], ...more];
  const [stray] = more;
  if (stray !== undefined && !flags.from?.length) {
    const hint = findCheck(stray) === undefined
      ? "to judge snapshots use --from"
      : "codes are separated by commas, --only FD601,FD602";
    return usage(this, `Cannot check "${stray}": ${hint}`);
  }
  const reports = files.length > 0
    ? await judgeFiles(files, selection.selected)
    : [await judgeHost(this, flags, selection.selected)];
  const style = styleOf(this, flags);
  for (const { facts } of reports) {
    if (refusesContainer(this, facts, style.language)) return;
  }
  this.process.stdout.write(await render(flags.output, reports, style));
  this.process.exitCode = worstStatus(reports, flags.strict ?? false);
}

async function judgeHost(
  context: FlandocContext,
  flags: CheckFlags & FlagValues,
  selected: (check: Check) => boolean,
): Promise<Report> {
  const start = performance.now();
  const progress = progressOf(context);
  try {
    const facts = await collectFacts({
      flags: givenFlags(flags),
      probe: flags.probe ?? true,
      onProgress: progress.show,
    });
    return reportOf(facts, start, selected);
  } finally {
    progress.clear();
  }
}

async function judgeFiles(
  files: readonly string[],
  selected: (check: Check) => boolean,
): Promise<Report[]> {
  const reports: Report[] = [];
  for (const file of files) {
    const start = performance.now();
    const snapshot = await loadSnapshot(file);
    reports.push(reportOf(deriveFacts(snapshot.facts), start, selected));
  }
  return reports;
}

function reportOf(
  facts: Facts,
  start: number,
  selected: (check: Check) => boolean,
): Report {
  const results = runChecks(CATALOGUE, facts, {
    selected,
    now: () => performance.now(),
  });
  return {
    version: VERSION,
    facts,
    results,
    elapsedMs: performance.now() - start,
  };
}

/** Of several hosts the worst counts: 3 before 1 before 0. */
function worstStatus(reports: readonly Report[], strict: boolean): number {
  return Math.max(
    ...reports.map((report) => exitStatus(summarize(report.results), strict)),
  );
}

function usage(context: FlandocContext, message: string): void {
  context.process.stderr.write(`${message}\n`);
  context.process.exitCode = 2;
}
