import "../tests/support/preload.ts";
import assert from "node:assert/strict";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { ProgramError, runProgram } from "./program.ts";

async function failure(run: Promise<unknown>): Promise<ProgramError> {
  try {
    await run;
  } catch (error) {
    assert.ok(error instanceof ProgramError, String(error));
    return error;
  }
  return assert.fail("nothing was thrown");
}

Deno.test("runProgram() gives input and takes both outputs", async () => {
  const { stdout, stderr } = await runProgram("sh", [
    "-c",
    "cat; echo trouble >&2",
  ], { stdin: "one\ntwo\n" });
  assert.equal(stdout, "one\ntwo\n");
  assert.equal(stderr, "trouble");
});

Deno.test("runProgram() runs programs in one language", async () => {
  const { stdout } = await runProgram("sh", ["-c", "echo $LC_ALL"]);
  assert.equal(stdout, "C\n");
});

Deno.test("runProgram() says that a program is missing", async () => {
  const error = await failure(runProgram("fd-no-such-program", ["-x"]));
  assert.equal(error.failure, "missing");
  assert.equal(
    error.message,
    "Cannot run fd-no-such-program -x: it is not installed",
  );
});

Deno.test("runProgram() says what a program that failed said", async () => {
  const error = await failure(
    runProgram("sh", ["-c", "echo no such chain >&2; exit 3"]),
  );
  assert.deepEqual([error.failure, error.code, error.stderr], [
    "failed",
    3,
    "no such chain",
  ]);
});

Deno.test("runProgram() survives a program that does not read", async () => {
  const stdin = "x".repeat(1 << 20);
  const error = await failure(runProgram("sh", ["-c", "exit 4"], { stdin }));
  assert.equal(error.code, 4);
});

Deno.test("runProgram() kills what takes too long", async () => {
  const started = performance.now();
  const error = await failure(
    runProgram("sleep", ["600"], { timeoutMs: 100 }),
  );
  assert.equal(error.failure, "timeout");
  assert.ok(performance.now() - started < 60_000);
});

Deno.test({
  name: "runProgram() finds programs that PATH does not name",
  ...needs({ programs: ["ip"] }),
  async fn() {
    const script = `
    import { runProgram } from ${
      JSON.stringify(new URL("./program.ts", import.meta.url).href)
    };
    console.log((await runProgram("ip", ["-V"])).stdout.includes("iproute2"));
    try {
      await runProgram("id", []);
    } catch (error) {
      console.log(error.failure);
    }
  `;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--quiet",
        "--allow-read",
        "--allow-run=/usr/sbin/ip,/sbin/ip,/usr/bin/ip,/bin/ip",
        "--allow-env=PATH",
        "-",
      ],
      env: { PATH: "/nowhere" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(script));
    await writer.close();
    const stdout = new TextDecoder().decode((await child.output()).stdout);
    assert.equal(stdout, "true\ndenied\n");
  },
});

Deno.test("runProgram() is ended by its signal", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const start = performance.now();
  const running = runProgram("sleep", ["600"], { signal });
  controller.abort(new Error("given up"));
  await assert.rejects(running, /given up/);
  await assert.rejects(runProgram("true", [], { signal }), /given up/);
  assert(performance.now() - start < 60_000);
});

Deno.test({
  name: "runProgram() runs inside a network namespace",
  ...needs({ netns: true }),
  async fn() {
    using netns = new TestNetns("link add fd0 type veth peer name fd1");
    const inside = await runProgram("ip", ["-br", "link"], {
      netns: netns.name,
    });
    const outside = await runProgram("ip", ["-br", "link"]);
    assert.match(inside.stdout, /^fd0@/m);
    assert.doesNotMatch(outside.stdout, /^fd0@/m);
  },
});
