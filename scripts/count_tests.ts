/** Counts of a test run. */
export interface TestCount {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Reads the counts from the closing line of `deno test`, which looks like
 * `ok | 21 passed (8 steps) | 0 failed | 2 ignored (242ms)`.
 *
 * @returns undefined when the text has no such line: the run did not finish
 */
export function countTests(output: string): TestCount | undefined {
  // deno-lint-ignore no-control-regex
  const plain = output.replace(/\u001b\[[0-9;]*m/g, "");
  const lines = [...plain.matchAll(
    /^(?:ok|FAILED) \| (\d+) passed.*?\| (\d+) failed(?:.*?\| (\d+) ignored)?/gm,
  )];
  const last = lines.at(-1);
  if (last === undefined) return undefined;
  const [, passed, failed, ignored] = last;
  return {
    passed: Number(passed),
    failed: Number(failed),
    skipped: Number(ignored ?? 0),
  };
}
