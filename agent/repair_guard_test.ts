import assert from "node:assert/strict";
import { quietLog } from "../tests/support/quiet_log.ts";
import type { Repair } from "./repair.ts";
import { RepairGuard } from "./repair_guard.ts";

const MISSING = {
  key: "route 172.7.22.0/24",
  kind: "route",
  why: "missing",
  found: null,
} as unknown as Repair;

Deno.test("RepairGuard says once who is against it, and when to look again", () => {
  const log = quietLog();
  const guard = new RepairGuard(log);
  const answers = Array.from({ length: 12 }, () => guard.allows(MISSING));
  assert.deepEqual(answers, [...Array(10).fill(true), false, false]);
  assert.equal(log.lines.length, 1);
  assert.match(
    log.lines[0]!,
    /Somebody keeps changing route 172\.7\.22\.0\/24/,
  );
  const wait = guard.due - performance.now();
  assert.ok(wait > 5_000 && wait <= 6_000, `${wait} ms`);
  // A look at everything asks anew for each.
  guard.prune();
  assert.equal(guard.due, Infinity);
});
