import assert from "node:assert/strict";
import { StoryBroken, Teller } from "./teller.ts";

function told(): [Teller, string[]] {
  const lines: string[] = [];
  return [new Teller((line) => lines.push(line), false), lines];
}

Deno.test("Teller.type() shows the command, then its output", async () => {
  const [teller, lines] = told();
  const shown = await teller.type(
    "node-1",
    "ip route",
    (line) => Promise.resolve({ code: 0, text: `ran ${line}\n\n  more\n` }),
  );
  assert.equal(shown.code, 0);
  assert.deepEqual(lines, [
    "  node-1# ip route",
    "    ran ip route",
    "",
    "      more",
  ]);
});

Deno.test("Teller.type() shows no line for no output", async () => {
  const [teller, lines] = told();
  await teller.type(
    "a",
    "true",
    () => Promise.resolve({ code: 0, text: "\n" }),
  );
  assert.deepEqual(lines, ["  a# true"]);
});

Deno.test("Teller.claim() marks what holds and stops at what does not", () => {
  const [teller, lines] = told();
  teller.claim("water is wet", true);
  assert.throws(() => teller.claim("pigs fly", false), StoryBroken);
  assert.deepEqual(lines, ["  ✓ water is wet", "  ✗ pigs fly"]);
});

Deno.test("Teller.chapter() and say() print the words", () => {
  const [teller, lines] = told();
  teller.chapter("1. A");
  teller.say("So it is.");
  assert.deepEqual(lines, ["", "1. A", "So it is."]);
});

Deno.test("Teller paints only when asked to", () => {
  const lines: string[] = [];
  new Teller((line) => lines.push(line), true).say("x");
  assert.notEqual(lines[0], "x");
});
