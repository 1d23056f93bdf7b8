import assert from "node:assert/strict";
import { quietLog } from "../tests/support/quiet_log.ts";
import { Said } from "./said.ts";

Deno.test("Said.warn() says trouble when it is new, then once a minute", () => {
  const log = quietLog();
  let now = 0;
  const said = new Said(log, () => now);
  said.warn("a");
  said.warn("a");
  now = 59_999;
  said.warn("a");
  assert.deepEqual(log.lines, ["W a"]);
  said.warn("b");
  said.warn("a");
  assert.deepEqual(log.lines, ["W a", "W b", "W a"]);
  now += 60_000;
  said.warn("a");
  assert.equal(log.lines.length, 4);
});
