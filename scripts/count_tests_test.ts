import assert from "node:assert/strict";
import { countTests } from "./count_tests.ts";

Deno.test("countTests() reads the closing line", () => {
  const output =
    "a ... ok (3ms)\n\nok | 21 passed (8 steps) | 0 failed | 2 ignored (242ms)\n";
  assert.deepEqual(countTests(output), { passed: 21, failed: 0, skipped: 2 });
});

Deno.test("countTests() sees through colour and takes the last line", () => {
  const output =
    "ok | 1 passed | 0 failed (1ms)\n\u001b[31mFAILED\u001b[0m | 3 passed (2 steps) | 1 failed (1 step) (2s)\n";
  assert.deepEqual(countTests(output), { passed: 3, failed: 1, skipped: 0 });
});

Deno.test("countTests() counts nothing in a run that broke off", () => {
  assert.equal(countTests("running 3 tests\n"), undefined);
});
