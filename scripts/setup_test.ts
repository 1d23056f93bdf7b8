import assert from "node:assert/strict";
import { isDebian, rootClause } from "./setup.ts";

Deno.test("isDebian() knows Debian and what is made from it", () => {
  assert.equal(isDebian('NAME="Debian GNU/Linux"\nID=debian\n'), true);
  assert.equal(isDebian("ID=ubuntu\nID_LIKE=debian\n"), true);
  assert.equal(isDebian('ID=mint\nID_LIKE="ubuntu debian"\n'), true);
  assert.equal(isDebian('ID="rocky"\nID_LIKE="rhel centos fedora"\n'), false);
  assert.equal(isDebian(""), false);
});

Deno.test("rootClause() is for who is not root", () => {
  assert.equal(rootClause(0), "");
  assert.match(rootClause(65534), /run this as root/);
  assert.match(rootClause(null), /run this as root/);
});
