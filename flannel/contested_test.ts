import assert from "node:assert/strict";
import { settle } from "./contested.ts";

/** Claims written `PLACE=CONTENT`; there are those named. */
function settled(wanted: readonly string[], there: readonly string[]) {
  const part = (at: 0 | 1) => (text: string) => text.split("=")[at]!;
  const { rivals, lost, ...rest } = settle(wanted, {
    place: part(0),
    content: part(1),
    isThere: (text) => there.includes(text),
  });
  return { ...rest, lost: [...lost], rivals: Object.fromEntries(rivals) };
}

Deno.test("settle() keeps one object for each place", async (t) => {
  const table: [
    string,
    string[],
    string[],
    string[],
    string[],
    Record<string, string[]>,
  ][] = [
    ["no rivals", ["a=1", "b=2"], [], ["a=1", "b=2"], [], {}],
    ["the first is there", ["a=1", "a=2"], ["a=1"], ["a=1"], ["a=2"], {}],
    ["the second is there", ["a=1", "a=2"], ["a=2"], ["a=2"], ["a=1"], {}],
    ["none is there", ["a=1", "b=5", "a=2"], ["b=5"], ["a=1", "b=5"], [
      "a=2",
    ], { "a=1": ["a=1", "a=2"] }],
    ["alike", ["a=1", "a=1"], [], ["a=1"], [], {}],
  ];
  for (const [name, wanted, there, left, lost, rivals] of table) {
    await t.step(name, () => {
      assert.deepEqual(settled(wanted, there), { wanted: left, lost, rivals });
    });
  }
});
