/** The middle value; of an even number, the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1
    ? upper
    : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** Milliseconds as text: `0.41 s`, `37.2 ms`. */
export function milliseconds(value: number): string {
  return value >= 1000
    ? `${(value / 1000).toFixed(2)} s`
    : `${value.toFixed(1)} ms`;
}

/**
 * Times commands in turn, so that a slow moment of the machine hits all alike.
 *
 * @returns Medians in milliseconds, in the order of the commands
 */
export async function timeInTurn(
  commands: readonly (readonly string[])[],
  rounds: number,
): Promise<number[]> {
  const times: number[][] = commands.map(() => []);
  for (let round = 0; round < rounds + 1; round++) {
    for (const [index, [program = "", ...args]] of commands.entries()) {
      const start = performance.now();
      const { code } = await new Deno.Command(program, {
        args,
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).output();
      // The first round warms the file cache and is not counted.
      if (round > 0) times[index]?.push(performance.now() - start);
      if (code !== 0) {
        throw new Error(`Cannot time "${program}": exit status ${code}`);
      }
    }
  }
  return times.map(median);
}
