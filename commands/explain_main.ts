import { CATALOGUE, findCheck } from "../checks/mod.ts";
import { renderCatalogue, renderExplanation } from "../report/explain.ts";
import { type FlandocContext, styleOf } from "./context.ts";
import type { ExplainFlags } from "./explain.ts";
import { suggest } from "./suggest.ts";

/** Prints one page, or the list of all checks. */
export function explain(
  this: FlandocContext,
  flags: ExplainFlags,
  code?: string,
): void {
  const style = styleOf(this, flags);
  if (code === undefined) {
    this.process.stdout.write(renderCatalogue(CATALOGUE, style.language));
    return;
  }
  const check = findCheck(code);
  if (check === undefined) {
    const names = CATALOGUE.flatMap((known) => [known.code, known.name]);
    this.process.stderr.write(
      `Cannot explain "${code}": ${suggest(code, names)}\n`,
    );
    this.process.exitCode = 2;
    return;
  }
  this.process.stdout.write(renderExplanation(check, style));
}
