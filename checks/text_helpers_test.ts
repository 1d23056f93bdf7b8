import assert from "node:assert/strict";
import { formatDuration, secondsBetween } from "./duration.ts";
import { oneLine } from "./one_line.ts";
import { shellQuote } from "./shell_quote.ts";

Deno.test("formatDuration() gives the two greatest units", async (t) => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0 s"],
    [59.9, "59 s"],
    [60, "1 min"],
    [61, "1 min 1 s"],
    [3600, "1 h"],
    [3661, "1 h 1 min"],
    [86400, "1 d"],
    [90061, "1 d 1 h"],
    [86401, "1 d 1 s"],
    [-5, "0 s"],
  ];
  for (const [seconds, text] of cases) {
    await t.step(text, () => assert.equal(formatDuration(seconds), text));
  }
});

Deno.test("secondsBetween() counts from one time to another", () => {
  assert.equal(
    secondsBetween("2026-11-22T05:00:00Z", "2026-11-22T06:00:00.500Z"),
    3600.5,
  );
  assert.equal(
    secondsBetween("2026-11-22T06:00:00+08:00", "2026-11-21T22:00:00Z"),
    0,
  );
});

Deno.test("oneLine() folds blanks, masks control characters and cuts", () => {
  assert.equal(oneLine(" a\n\t b "), "a b");
  assert.equal(oneLine("\u001b[31mred\u009b"), "?[31mred?");
  assert.equal(oneLine("x".repeat(10), 4), "xxxx…");
  // A character of two UTF-16 units is not torn.
  assert.equal(oneLine("😀😀😀", 2), "😀😀…");
});

Deno.test("shellQuote() quotes what a shell would not take as it is", async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ["/a/b-c_d.e:1,2%3@4+5=6", "/a/b-c_d.e:1,2%3@4+5=6"],
    ["", "''"],
    ["a b", "'a b'"],
    ["$HOME", "'$HOME'"],
    ["it's", "'it'\\''s'"],
    ["中", "'中'"],
  ];
  for (const [word, quoted] of cases) {
    await t.step(JSON.stringify(word), () => {
      assert.equal(shellQuote(word), quoted);
    });
  }
});
