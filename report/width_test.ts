import assert from "node:assert/strict";
import { displayWidth, padEndColumns, wrapColumns } from "./width.ts";

Deno.test("displayWidth() counts two columns for a wide character", () => {
  assert.equal(displayWidth("NAT 与过滤"), 10);
});

Deno.test("padEndColumns() pads by columns, not characters", () => {
  assert.equal(padEndColumns("规则", 6), "规则  ");
});

Deno.test("wrapColumns() breaks at spaces and keeps long words whole", () => {
  assert.deepEqual(wrapColumns("one two three", 8), ["one two", "three"]);
  assert.deepEqual(wrapColumns("a 172.7.21.0/24-and-more b", 6), [
    "a",
    "172.7.21.0/24-and-more",
    "b",
  ]);
});

Deno.test("wrapColumns() breaks Chinese anywhere but before closing marks", () => {
  assert.deepEqual(wrapColumns("容器地址，丢失", 8), ["容器地", "址，丢失"]);
});
