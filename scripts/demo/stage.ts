/**
 * A lab as a place to type commands in.
 *
 * @module
 */
import { type Lab, labExec } from "../../lab/mod.ts";
import type { Shown, Teller } from "./teller.ts";

/** Types commands on the nodes of a lab and shows them. */
export class Stage {
  constructor(
    readonly lab: Lab,
    readonly teller: Teller,
    readonly signal: AbortSignal,
  ) {}

  /** Types a line on a node, as root in a shell, and shows it. */
  type(node: string, line: string): Promise<Shown> {
    return this.teller.type(node, line, (text) => this.look(node, text));
  }

  /** The same, not shown. */
  async look(node: string, line: string): Promise<Shown> {
    const argv = ["sh", "-c", `exec 2>&1\n${line}`];
    const { code, stdout } = await labExec(this.lab, node, argv, {
      signal: this.signal,
    });
    return { code, text: stdout };
  }

  /** Codes of the checks that fail on a node, sorted. */
  async failing(node: string): Promise<string[]> {
    const { text } = await this.look(node, "flandoc check -o json 2>/dev/null");
    return failedCodes(text);
  }
}

interface Report {
  readonly checks: readonly {
    readonly code: string;
    readonly verdict: string;
  }[];
}

/**
 * Codes whose verdict is `failed` in a JSON report.
 *
 * @throws {SyntaxError} when the text is no report.
 */
export function failedCodes(json: string): string[] {
  return (JSON.parse(json) as Report).checks
    .filter((check) => check.verdict === "failed")
    .map((check) => check.code).sort();
}
