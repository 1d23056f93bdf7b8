/**
 * `deno task test [FILE…]`: installs what the tests need, runs them, and ends
 * with one plain line of counts.
 *
 * @module
 */
import { countTests, type TestCount } from "./count_tests.ts";
import { ensurePrograms } from "./setup.ts";
import { type TestUnit, testUnits } from "./test_units.ts";

/** Parts at a time. */
const LANES = 2;

/** What one part came to. */
interface Outcome {
  readonly unit: TestUnit;
  readonly code: number;
  /** Undefined when the run did not finish. */
  readonly count: TestCount | undefined;
}

/** Output of the parts: one is seen as it comes, the others when it is done. */
class Stage {
  #shown: object | null = null;
  readonly #held = new Map<object, Uint8Array[]>();

  /** Shows or keeps what a part printed. */
  write(part: object, chunk: Uint8Array): void {
    this.#shown ??= part;
    if (part === this.#shown) return writeAll(chunk);
    const held = this.#held.get(part) ?? [];
    held.push(chunk);
    this.#held.set(part, held);
  }

  /** A part is done. */
  end(part: object): void {
    if (part === this.#shown) this.#shown = null;
    this.#print(part);
    const [next] = this.#held.keys();
    if (this.#shown !== null || next === undefined) return;
    this.#shown = next;
    this.#print(next);
  }

  /** Everything that was kept, when the whole is cut short. */
  flush(): void {
    for (const part of this.#held.keys()) this.#print(part);
  }

  #print(part: object): void {
    for (const chunk of this.#held.get(part) ?? []) writeAll(chunk);
    this.#held.delete(part);
  }
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

async function runUnit(unit: TestUnit, stage: Stage): Promise<Outcome> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--doc", ...unit],
    env: { NO_COLOR: Deno.stdout.isTerminal() ? "" : "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let output = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    stage.write(child, chunk);
    output += decoder.decode(chunk, { stream: true });
  }
  stage.end(child);
  const { code } = await child.status;
  return { unit, code, count: countTests(output) };
}

/** Runs all parts, a few at a time. */
async function runUnits(units: readonly TestUnit[]): Promise<Outcome[]> {
  const stage = new Stage();
  // From a terminal and from `timeout` the parts get the same signal.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      stage.flush();
      Deno.exit(1);
    });
  }
  const outcomes: Outcome[] = [];
  const waiting = [...units];
  const lane = async () => {
    for (;;) {
      const unit = waiting.shift();
      if (unit === undefined) return;
      outcomes.push(await runUnit(unit, stage));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return outcomes;
}

// Where something is missing it has said what. All of the tests need all of
// it; of named files those that need it are skipped, but never in CI.
const whole = Deno.args.length === 0 || Deno.env.get("CI") === "true";
if (!await ensurePrograms({ install: true }) && whole) Deno.exit(1);

const e2eFiles = [...Deno.readDirSync("tests/e2e")].map(({ name }) => name);
const outcomes = await runUnits(testUnits(Deno.args, e2eFiles));

const total = { passed: 0, failed: 0, skipped: 0 };
for (const { unit, code, count } of outcomes) {
  if (count === undefined) {
    console.error(
      `Cannot count tests of ${unit.join(" ")}: no end was reached`,
    );
  } else if (code !== 0) {
    console.error(`Failed: ${unit.join(" ")}`);
  }
  total.passed += count?.passed ?? 0;
  total.skipped += count?.skipped ?? 0;
  // A part that failed without a failed test, or broke off, is a failure.
  total.failed += count === undefined
    ? 1
    : Math.max(count.failed, code === 0 ? 0 : 1);
}
console.log(
  `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`,
);
Deno.exit(total.failed === 0 ? 0 : 1);
