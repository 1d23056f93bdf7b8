import assert from "node:assert/strict";
import "../tests/support/load_libc.ts";
import { libc } from "./libc.ts";
import { openWakeup, signalWakeup, takeWakeups } from "./wakeup.ts";

const POLLIN = 1;

Deno.test("takeWakeups() tells how many signals came, and forgets them", () => {
  const fd = openWakeup();
  const readable = () =>
    libc().poll(new Uint8Array(new Int32Array([fd, POLLIN]).buffer), 1n, 0);
  try {
    assert.equal(readable(), 0);
    assert.equal(takeWakeups(fd), 0);
    for (let i = 0; i < 3; i++) signalWakeup(fd);
    assert.equal(readable(), 1);
    assert.equal(takeWakeups(fd), 3);
    assert.equal(takeWakeups(fd), 0);
    assert.equal(readable(), 0);
  } finally {
    libc().close(fd);
  }
  assert.throws(() => signalWakeup(fd), { code: "EBADF" });
});
