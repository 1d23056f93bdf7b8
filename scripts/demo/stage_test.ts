import assert from "node:assert/strict";
import { failedCodes } from "./stage.ts";

Deno.test("failedCodes() lists failed checks only, sorted", () => {
  const checks = [
    { code: "FD602", verdict: "failed" },
    { code: "FD101", verdict: "ok" },
    { code: "FD502", verdict: "skipped" },
    { code: "FD601", verdict: "failed" },
  ];
  assert.deepEqual(failedCodes(JSON.stringify({ checks })), ["FD601", "FD602"]);
});

Deno.test("failedCodes() refuses what is no report", () => {
  assert.throws(() => failedCodes("flandoc: crashed"), SyntaxError);
});
