import assert from "node:assert/strict";
import { startEtcd } from "./etcd.ts";
import { needs } from "./needs.ts";

async function answers(endpoint: string, ms = 30_000): Promise<boolean> {
  try {
    const response = await fetch(`${endpoint}/version`, {
      signal: AbortSignal.timeout(ms),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/comm`).trim() === "etcd";
  } catch {
    return false;
  }
}

Deno.test({
  name: "startEtcd() runs members that stop, freeze, die and come back",
  ...needs({ programs: ["etcd"] }),
  // AbortSignal.timeout keeps its timer to the end.
  sanitizeOps: false,
  fn: async () => {
    const etcd = await startEtcd();
    const [member] = etcd.members;
    assert.ok(member);
    const { endpoint, pid } = member;
    assert.ok(await answers(endpoint));
    member.freeze();
    assert.equal(await answers(endpoint, 300), false);
    member.thaw();
    assert.ok(await answers(endpoint));
    await member.kill();
    assert.equal(isRunning(pid), false);
    assert.equal(await answers(endpoint), false);
    await member.start();
    assert.ok(await answers(endpoint));
    await member.stop();
    await member.start();
    const last = member.pid;
    member.freeze();
    await etcd.close();
    assert.equal(isRunning(last), false);
  },
});

Deno.test({
  name: "startEtcd() says what etcd said when it does not start",
  ...needs({ programs: ["etcd"] }),
  fn: async () => {
    await assert.rejects(
      startEtcd({ args: ["--no-such-flag"] }),
      /no-such-flag/,
    );
  },
});

Deno.test({
  name: "startEtcd() sweeps what a killed run has left",
  ...needs({ programs: ["etcd"] }),
  fn: async () => {
    const script = `import { startEtcd } from "${
      import.meta.resolve("./etcd.ts")
    }";
      const etcd = await startEtcd();
      console.log(etcd.members[0].pid);
      Deno.kill(Deno.pid, "SIGKILL");`;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--ext=ts", script],
      stdout: "piped",
    }).output();
    const pid = Number(new TextDecoder().decode(stdout));
    assert.ok(pid > 0 && isRunning(pid), `pid ${pid}`);
    await using _etcd = await startEtcd();
    for (let i = 0; i < 100 && isRunning(pid); i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(isRunning(pid), false);
  },
});
