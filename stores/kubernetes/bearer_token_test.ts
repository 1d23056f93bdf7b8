import assert from "node:assert/strict";
import { BearerToken } from "./bearer_token.ts";

Deno.test("BearerToken follows a file that is rotated", () => {
  let text = "first\n";
  let now = 0;
  let reads = 0;
  const token = new BearerToken({
    token: null,
    tokenFile: "/t",
    readText: () => (reads++, text),
    now: () => now,
  });
  assert.equal(token.get(), "first");
  text = "second\n";
  assert.equal(token.get(), "first");
  assert.equal(reads, 1);
  now += 10_000;
  assert.equal(token.get(), "second");
});

Deno.test("BearerToken keeps the last token while the file cannot be read", () => {
  let broken = false;
  let now = 0;
  const token = new BearerToken({
    token: null,
    tokenFile: "/t",
    readText: () => {
      if (broken) throw new Deno.errors.NotFound();
      return "abc";
    },
    now: () => now,
  });
  assert.equal(token.get(), "abc");
  broken = true;
  now += 60_000;
  assert.equal(token.get(), "abc");
});

Deno.test("BearerToken says whether a refused token has a successor", () => {
  let text = "old";
  const token = new BearerToken({
    token: null,
    tokenFile: "/t",
    readText: () => text,
  });
  assert.equal(token.get(), "old");
  assert.equal(token.refused(), false);
  text = "new";
  assert.equal(token.refused(), true);
  assert.equal(token.get(), "new");
  const fixed = new BearerToken({ token: "x", tokenFile: null });
  assert.equal(fixed.refused(), false);
});
