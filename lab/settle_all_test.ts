import assert from "node:assert/strict";
import { settleAll } from "./settle_all.ts";

Deno.test("settleAll() gives all values in order", async () => {
  assert.deepEqual(
    await settleAll([Promise.resolve(1), Promise.resolve(2)]),
    [1, 2],
  );
});

Deno.test("settleAll() throws the first failure, after the last has ended", async () => {
  let ended = false;
  const slow = new Promise<void>((resolve) =>
    setTimeout(() => {
      ended = true;
      resolve();
    }, 20)
  );
  const failed = Promise.reject(new Error("first"));
  await assert.rejects(
    settleAll([failed, slow, Promise.reject(new Error("second"))]),
    { message: "first" },
  );
  assert.equal(ended, true);
});
