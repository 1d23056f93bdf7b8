import assert from "node:assert/strict";
import { Restraint } from "./restraint.ts";

Deno.test("Restraint allows some repairs, says once, then waits", () => {
  let now = 0;
  const restraint = new Restraint({ most: 2, withinMs: 100, now: () => now });
  const ask = (at: number, key = "a") => {
    now = at;
    return restraint.allow(key);
  };
  assert.deepEqual(
    [ask(0), ask(10), ask(20), ask(30), ask(40, "b")],
    ["yes", "yes", "last", "no", "yes"],
  );
  assert.ok(!restraint.isEmpty);
  assert.ok(restraint.isHeld("a"));
  assert.ok(!restraint.isHeld("b"));
  // One place is free again after the first repair is old; it is not said anew.
  assert.deepEqual([ask(101), ask(105), ask(115), ask(120)], [
    "yes",
    "no",
    "yes",
    "no",
  ]);
  // A quiet period later the next fight is worth a line.
  assert.deepEqual([ask(500), ask(501), ask(502)], ["yes", "yes", "last"]);
});

Deno.test("Restraint forgets what is over", () => {
  let now = 0;
  const restraint = new Restraint({ most: 1, withinMs: 100, now: () => now });
  restraint.allow("a");
  restraint.allow("a");
  now = 200;
  restraint.prune();
  assert.ok(restraint.isEmpty);
  assert.equal(restraint.allow("a"), "yes");
  assert.equal(restraint.allow("a"), "last");
});
