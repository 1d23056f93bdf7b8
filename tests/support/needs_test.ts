import assert from "node:assert/strict";
import { needs } from "./needs.ts";

function withCI<T>(value: string | undefined, body: () => T): T {
  const before = Deno.env.get("CI");
  if (value === undefined) Deno.env.delete("CI");
  else Deno.env.set("CI", value);
  try {
    return body();
  } finally {
    if (before === undefined) Deno.env.delete("CI");
    else Deno.env.set("CI", before);
  }
}

Deno.test("needs() asks for nothing when nothing is wanted", () => {
  assert.deepEqual(needs({}), { ignore: false, missing: [] });
});

Deno.test("needs() finds a program of the PATH", () => {
  assert.equal(needs({ programs: ["sh"] }).ignore, false);
});

Deno.test("needs() names a missing program and skips", () => {
  const answer = withCI(undefined, () => needs({ programs: ["no-such-fd"] }));
  assert.deepEqual(answer, {
    ignore: true,
    missing: ["program no-such-fd"],
  });
});

Deno.test("needs() skips nothing in CI", () => {
  const answer = withCI("true", () => needs({ programs: ["no-such-fd"] }));
  assert.equal(answer.ignore, false);
  assert.deepEqual(answer.missing, ["program no-such-fd"]);
});
