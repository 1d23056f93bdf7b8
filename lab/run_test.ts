import assert from "node:assert/strict";
import { mustRun, run } from "./run.ts";

Deno.test("run() gives status, output and what was printed as error", async () => {
  assert.deepEqual(await run(["sh", "-c", "echo a; echo b >&2; exit 3"]), {
    code: 3,
    stdout: "a\n",
    stderr: "b\n",
  });
});

Deno.test("run() feeds standard input", async () => {
  assert.equal(
    (await run(["cat"], { stdin: "x".repeat(99) })).stdout.length,
    99,
  );
});

Deno.test("run() survives a program that does not read its input", async () => {
  const stdin = "x".repeat(1_000_000);
  assert.equal((await run(["true"], { stdin })).code, 0);
});

Deno.test("run() stops on abort", async () => {
  const signal = AbortSignal.timeout(50);
  await assert.rejects(run(["sleep", "60"], { signal }), /abort|timed out/);
});

Deno.test("mustRun() says what failed and how", async () => {
  await assert.rejects(
    mustRun(["sh", "-c", "echo no such thing >&2; exit 4"]),
    { message: /^Cannot run "sh -c .*": exit status 4: no such thing$/ },
  );
  await assert.rejects(mustRun(["false"], { shown: "node-1: false" }), {
    message: 'Cannot run "node-1: false": exit status 1',
  });
});
