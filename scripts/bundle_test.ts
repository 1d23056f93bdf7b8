import assert from "node:assert/strict";
import { wrapScript } from "./bundle.ts";
import { joinCaches } from "./code_cache.ts";

Deno.test("wrapScript() makes a function that knows where main.js is", () => {
  const text = wrapScript(
    '"use strict";\nvar import_meta2 = {};\n// import.meta is spoken of here\n' +
      'exports.url = new URL("./a.js", import_meta2.url).href;',
  );
  const wrapped = (0, eval)(text);
  const module = { exports: {} as Record<string, unknown> };
  wrapped(module.exports, () => {}, module, "file:///x/main.js");
  assert.equal(module.exports["url"], "file:///x/a.js");
});

Deno.test("wrapScript() refuses what a script cannot have", () => {
  assert.throws(() => wrapScript("f(import.meta.url);"), /uses import.meta/);
});

Deno.test("joinCaches() takes nothing but the flags' word of the first", () => {
  const lazy = Uint8Array.from({ length: 40 }, (_, i) => 100 + i);
  const eager = Uint8Array.from({ length: 60 }, (_, i) => i);
  const joined = joinCaches(lazy, eager);
  assert.deepEqual([...joined.slice(12, 16)], [112, 113, 114, 115]);
  joined.set(eager.slice(12, 16), 12);
  assert.deepEqual(joined, eager);
});
