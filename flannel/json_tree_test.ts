import assert from "node:assert/strict";
import {
  JsonSyntaxError,
  jsonValue,
  parseJsonTree,
  positionAt,
} from "./json_tree.ts";

Deno.test("parseJsonTree() agrees with JSON.parse on what is JSON", async (t) => {
  const texts = [
    "{}",
    "[]",
    " [1, -2.5e+3, 0] ",
    '{"a":{"b":[true,false,null]}}',
    '"\\u00e9\\n\\"\\\\\\/\\b\\f\\r\\t"',
    '"\u007f\u2028"',
    "0",
    '{"":1}',
    '{"__proto__":1}',
  ];
  for (const text of texts) {
    await t.step(text, () => {
      assert.deepEqual(jsonValue(parseJsonTree(text)), JSON.parse(text));
    });
  }
});

Deno.test("parseJsonTree() keeps duplicates in order", () => {
  const tree = parseJsonTree('{"a":1,"A":2,"a":3}');
  assert.equal(tree.kind, "object");
  const members = tree.kind === "object" ? tree.members : [];
  assert.deepEqual(members.map((m) => m.name), ["a", "A", "a"]);
  assert.deepEqual(members.map((m) => m.offset), [1, 7, 13]);
});

Deno.test("parseJsonTree() says where and why", async (t) => {
  const table: [string, string][] = [
    ["", "the text ends too early at line 1, column 1"],
    ["{", "the text ends too early at line 1, column 2"],
    ['{"a":1,}', "comma before } at line 1, column 8"],
    ["[1,]", "comma before ] at line 1, column 4"],
    [
      "{\u201cNetwork\u201d:1}",
      'typographic quote \u201c, write a straight " instead at line 1, column 2',
    ],
    ["{'a':1}", 'single quote, write " instead at line 1, column 2'],
    ["{a:1}", "name without quotes at line 1, column 2"],
    ['{"a" 1}', 'no colon after "a" at line 1, column 6'],
    ['{"a":1 "b":2}', 'no comma before "\\"" at line 1, column 8'],
    ['{"a":1\n "b":2}', 'no comma before "\\"" at line 2, column 2'],
    [
      '{"a":1} x',
      'unexpected "x" after the end of the value at line 1, column 9',
    ],
    ['{"a":01}', 'unexpected "1" at line 1, column 7'],
    ['{"a":"b', "string without an end at line 1, column 6"],
    [
      '"a\tb"',
      "line break or control character in a string at line 1, column 3",
    ],
    ['"\\x"', "unknown escape \\x at line 1, column 2"],
    ['{// x\n"a":1}', "comment, which JSON does not have at line 1, column 2"],
    ["\ufeff{}", "byte order mark at line 1, column 1"],
    ["nul", 'unexpected "n" at line 1, column 1'],
    ["NaN", 'unexpected "N" at line 1, column 1'],
  ];
  for (const [text, wanted] of table) {
    await t.step(JSON.stringify(text), () => {
      assert.throws(() => parseJsonTree(text), (error) => {
        assert.ok(error instanceof JsonSyntaxError);
        assert.equal(error.message, `Cannot parse JSON: ${wanted}`);
        return true;
      });
      assert.throws(() => JSON.parse(text));
    });
  }
});

Deno.test("parseJsonTree() survives a megabyte and deep nesting", () => {
  const long = `{"a":"${"x".repeat(1 << 20)}"}`;
  assert.deepEqual(jsonValue(parseJsonTree(long)), JSON.parse(long));
  assert.throws(() => parseJsonTree("[".repeat(100_000)), /nested too deeply/);
});

Deno.test("positionAt() counts lines and columns from 1", () => {
  assert.deepEqual(positionAt("ab\ncd", 0), { line: 1, column: 1 });
  assert.deepEqual(positionAt("ab\ncd", 3), { line: 2, column: 1 });
  assert.deepEqual(positionAt("ab\ncd", 5), { line: 2, column: 3 });
});
