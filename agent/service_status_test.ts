import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import { libc } from "../host/libc.ts";
import { unixAddress } from "../host/unix_address.ts";
import { eventually } from "../tests/support/agents.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { keepServiceStatus } from "./service_status.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_DONTWAIT = 0x40;

/** A service manager's end of the socket; `hear` answers what has come. */
async function manager(
  body: (path: string, hear: () => readonly string[]) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "flandoc-notify-" });
  const path = `${directory}/notify`;
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  const address = unixAddress(path);
  assert.equal(libc().bind(fd, address, address.length), 0);
  const heard: string[] = [];
  const bytes = new Uint8Array(4096);
  const hear = () => {
    for (;;) {
      const size = Number(
        libc().recv(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT),
      );
      if (size < 0) return heard;
      const text = new TextDecoder().decode(bytes.subarray(0, size));
      heard.push(...text.split("\n"));
    }
  };
  try {
    await body(path, hear);
  } finally {
    libc().close(fd);
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("keepServiceStatus() tells a status once, and signs of life in time", async () => {
  await manager(async (socket, hear) => {
    const stop = new AbortController();
    let status = "Waiting for\nthe network config";
    let isAlive = true;
    const log = quietLog();
    const running = keepServiceStatus({
      socket,
      watchdogUsec: 60_000,
      status: () => status,
      isAlive: () => isAlive,
      log,
      signal: stop.signal,
    });
    const signs = () => hear().filter((line) => line === "WATCHDOG=1").length;
    await eventually(signs, (count) => count >= 3);
    status = "Ready";
    await eventually(hear, (lines) => lines.includes("STATUS=Ready"));
    isAlive = false;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = signs();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(signs(), before, "an agent that hangs is not alive");
    stop.abort();
    await running;
    assert.deepEqual(hear().filter((line) => line.startsWith("STATUS")), [
      "STATUS=Waiting for the network config",
      "STATUS=Ready",
    ]);
    assert.deepEqual(log.lines, []);
  });
});

Deno.test("keepServiceStatus() has nobody to tell without a socket", async () => {
  await keepServiceStatus({
    socket: "",
    watchdogUsec: 1,
    status: () => assert.fail("asked"),
    isAlive: () => true,
    log: quietLog(),
    signal: new AbortController().signal,
  });
});
