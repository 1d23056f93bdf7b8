import assert from "node:assert/strict";
import { quoteWord, sameWords, splitWords } from "./words.ts";

Deno.test("splitWords() follows iptables-save's quoting", async (t) => {
  const cases: [string, [string, boolean][]][] = [
    ["-s 10.0.0.0/8  -j X", [["-s", false], ["10.0.0.0/8", false], [
      "-j",
      false,
    ], ["X", false]]],
    ['--comment "a \\"b\\" \\\\ c"', [["--comment", false], [
      'a "b" \\ c',
      true,
    ]]],
    ['--comment "-j DROP"', [["--comment", false], ["-j DROP", true]]],
    ['--log-prefix ""', [["--log-prefix", false], ["", true]]],
    ["", []],
  ];
  for (const [line, wanted] of cases) {
    await t.step(line, () => {
      const words = splitWords(line).map((w) => [w.text, w.quoted]);
      assert.deepEqual(words, wanted);
    });
  }
});

Deno.test("splitWords() rejects an open quote", () => {
  assert.throws(() => splitWords('-m comment --comment "a'), SyntaxError);
});

Deno.test("quoteWord() gives what splitWords() takes back", () => {
  for (const text of ["plain", "", "a b", 'a"b', "a'b", "a\\b", "10.0.0.0/8"]) {
    assert.deepEqual(splitWords(quoteWord(text)).map((w) => w.text), [text]);
  }
  assert.equal(quoteWord("10.0.0.0/8"), "10.0.0.0/8");
});

Deno.test("sameWords() is equal for other spacing and quoting only", () => {
  assert.equal(
    sameWords('-m  comment --comment "a"'),
    sameWords(
      "-m comment --comment a",
    ),
  );
  assert.notEqual(sameWords('"a b"'), sameWords("a b"));
});
