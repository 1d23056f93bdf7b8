import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import { isAlive, killProcess, parseProcessStat } from "./process_stat.ts";

const TAIL = "S 1 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 114854 2654208 403";

Deno.test("parseProcessStat() reads number, state and start time", () => {
  assert.deepEqual(parseProcessStat(`812 (flanneld) ${TAIL}\n`), {
    pid: 812,
    state: "S",
    startTime: "114854",
  });
});

Deno.test("parseProcessStat() is not misled by a name with brackets", () => {
  const stat = parseProcessStat(`7 (a) Z 0 (b) ${TAIL}`);
  assert.deepEqual([stat?.pid, stat?.state, stat?.startTime], [
    7,
    "S",
    "114854",
  ]);
});

Deno.test("parseProcessStat() refuses half a line", () => {
  for (const text of ["", "812", "812 (sh", "812 (sh) S 1 1", "x (sh) S"]) {
    assert.equal(parseProcessStat(text), undefined, text);
  }
});

Deno.test("killProcess() ends that process", async () => {
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  const stat = parseProcessStat(
    Deno.readTextFileSync(`/proc/${child.pid}/stat`),
  );
  assert.ok(stat && isAlive(stat));
  await killProcess(stat);
  assert.equal(isAlive(stat), false);
  assert.equal((await child.status).signal, "SIGKILL");
});

Deno.test("killProcess() leaves a process alone that has only its number", async () => {
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  try {
    const identity = { pid: child.pid, startTime: "1" };
    assert.equal(isAlive(identity), false);
    await killProcess(identity);
    Deno.kill(child.pid, "SIGCONT");
  } finally {
    child.kill("SIGKILL");
    assert.equal((await child.status).signal, "SIGKILL");
  }
});
