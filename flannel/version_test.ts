import assert from "node:assert/strict";
import { atLeast, parseVersion } from "./version.ts";

Deno.test("parseVersion() reads tags and git descriptions", async (t) => {
  const table: [string, readonly number[] | null][] = [
    ["v0.11.0", [0, 11, 0]],
    ["0.18", [0, 18, 0]],
    [" v0.28.9\n", [0, 28, 9]],
    ["v0.28.9-3-gabc", [0, 28, 9]],
    ["v0.27.4-flannel1", [0, 27, 4]],
    ["master", null],
    ["", null],
    ["v1", null],
  ];
  for (const [text, wanted] of table) {
    await t.step(text || "empty", () => {
      assert.deepEqual(parseVersion(text), wanted);
    });
  }
});

Deno.test("atLeast() compares by number, not by text", async (t) => {
  const table: [string, string, boolean][] = [
    ["0.11.0", "0.9.1", true],
    ["0.9.1", "0.11.0", false],
    ["0.18.0", "0.18.0", true],
    ["0.28.2", "0.28.10", false],
    ["master", "0.28.9", true],
    ["1.0.0", "0.28.9", true],
  ];
  for (const [version, wanted, answer] of table) {
    await t.step(`${version} ${wanted}`, () => {
      assert.equal(atLeast(version, wanted), answer);
    });
  }
  assert.throws(() => atLeast("0.11.0", "latest"), SyntaxError);
});
