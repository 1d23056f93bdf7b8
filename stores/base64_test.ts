import assert from "node:assert/strict";
import { fromBase64, toBase64 } from "./base64.ts";

Deno.test("toBase64() and fromBase64() are each other's reverse", () => {
  for (
    const text of ["", "a", "/coreos.com/network/", "é 注 \u{1f600}", "\0"]
  ) {
    assert.equal(fromBase64(toBase64(text)), text);
  }
  assert.equal(toBase64("/coreos.com/network"), "L2NvcmVvcy5jb20vbmV0d29yaw==");
});

Deno.test("fromBase64() never throws", () => {
  assert.equal(fromBase64(undefined), "");
  assert.equal(fromBase64("/w=="), "\ufffd");
  assert.equal(fromBase64("not base64!"), "");
});
