/**
 * Start-up of flandoc against an empty Deno program, in the same run and in
 * the same form: from source, and compiled where `dist/flandoc` exists.
 *
 * @module
 */
import { milliseconds, timeInTurn } from "./measure.ts";
import { emptyProgram, isBuilt } from "./program.ts";
import type { BenchRow } from "./row.ts";

const ROUNDS = 21;
const GOAL = 1.3;

/** Measures `flandoc version` from source and, if built, compiled. */
export async function benchStartup(): Promise<BenchRow[]> {
  const scratch = await Deno.makeTempDir({ prefix: "flandoc-bench-" });
  try {
    const empty = `${scratch}/empty.ts`;
    await Deno.writeTextFile(empty, "");
    const rows = [
      await compare("version, from source", [
        [Deno.execPath(), "run", "-A", "main.ts", "version"],
        [Deno.execPath(), "run", "-A", empty],
      ]),
    ];
    if (isBuilt()) {
      rows.push(
        await compare("version, compiled", [
          ["dist/flandoc", "version"],
          await emptyProgram(scratch),
        ]),
      );
    }
    return rows;
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

async function compare(
  name: string,
  commands: readonly (readonly string[])[],
): Promise<BenchRow> {
  const [ours = NaN, peer = NaN] = await timeInTurn(commands, ROUNDS);
  const ratio = ours / peer;
  return {
    name: `start-up: ${name}`,
    ours: milliseconds(ours),
    peer: `empty program ${milliseconds(peer)}`,
    ratio,
    goal: `≤ ${GOAL}×`,
    met: ratio <= GOAL,
  };
}
