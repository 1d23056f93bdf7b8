/**
 * `deno task test [FILE…]`: installs what the tests need, runs them, and ends
 * with one plain line of counts.
 *
 * @module
 */
import { countTests } from "./count_tests.ts";
import { ensurePrograms } from "./setup.ts";

// Where something is missing it has said what. All of the tests need all of
// it; of named files those that need it are skipped, but never in CI.
const whole = Deno.args.length === 0 || Deno.env.get("CI") === "true";
if (!await ensurePrograms({ install: true }) && whole) Deno.exit(1);

const child = new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "--no-check", "--doc", ...Deno.args],
  env: { NO_COLOR: Deno.stdout.isTerminal() ? "" : "1" },
  stdin: "null",
  stdout: "piped",
  stderr: "inherit",
}).spawn();

let output = "";
const decoder = new TextDecoder();
for await (const chunk of child.stdout) {
  await Deno.stdout.write(chunk);
  output += decoder.decode(chunk, { stream: true });
}
const { code } = await child.status;
const count = countTests(output);
if (count === undefined) {
  console.error("Cannot count tests: the run did not finish");
  Deno.exit(code || 1);
}
console.log(
  `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`,
);
Deno.exit(code);
