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
  // One more each 50 ms, however often it is asked for; not said anew.
  assert.deepEqual([ask(49), ask(51), ask(60), ask(99), ask(101)], [
    "no",
    "yes",
    "no",
    "no",
    "yes",
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

Deno.test("Restraint keeps nothing waiting for the whole period", () => {
  let now = 0;
  const restraint = new Restraint({
    most: 10,
    withinMs: 60_000,
    now: () => now,
  });
  // Ten repairs of a route within three seconds, and then peace.
  for (; now < 3000; now += 300) assert.equal(restraint.allow("a"), "yes");
  assert.equal(restraint.allow("a"), "last");
  now += 6000;
  assert.equal(restraint.allow("a"), "yes");
});
