import assert from "node:assert/strict";
import { testUnits } from "./test_units.ts";

const FILES = [
  "cli_test.ts",
  "agent_kill_test.ts",
  "faults_test.ts",
  "helper.ts",
];

const E2E = [
  ["tests/e2e/faults_test.ts"],
  ["tests/e2e/agent_kill_test.ts"],
  ["tests/e2e/cli_test.ts"],
];

Deno.test("testUnits() has every end-to-end file once, the longest first", () => {
  assert.deepEqual(testUnits(["tests/e2e"], FILES), E2E);
  assert.deepEqual(testUnits(["tests/e2e/"], FILES), E2E);
});

Deno.test("testUnits() leaves nothing out of the whole", () => {
  const units = testUnits([], FILES);
  assert.deepEqual(units.slice(0, 3), E2E);
  const directories = units.slice(3, -1).flat();
  const ignored = units.at(-1)?.join(" ").replace("--ignore=", "").split(",");
  assert.deepEqual(ignored, [...directories, "tests/e2e"]);
  for (const directory of directories) {
    assert.ok(Deno.statSync(directory).isDirectory, directory);
  }
});

Deno.test("testUnits() runs named files as they are named", () => {
  assert.deepEqual(testUnits(["agent", "lab"], FILES), [["agent", "lab"]]);
  assert.deepEqual(testUnits(["tests/e2e/cli_test.ts"], FILES), [
    ["tests/e2e/cli_test.ts"],
  ]);
  assert.deepEqual(testUnits(["--filter=x"], FILES), [["--filter=x"]]);
});
