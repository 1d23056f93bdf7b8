import "../tests/support/load_libc.ts";
import assert from "node:assert/strict";
import { needs } from "../tests/support/needs.ts";
import { builderEnvironment, endBuilders } from "./builders.ts";
import { isAlive, parseProcessStat } from "./process_stat.ts";

Deno.test({
  name: "endBuilders() ends those of that lab, and what they started",
  ...needs({ root: true }),
  async fn() {
    const name = `fd-${crypto.randomUUID().slice(0, 8)}`;
    const start = (lab: string) =>
      new Deno.Command("sh", {
        args: ["-c", "sleep 600 & echo $!; wait"],
        env: builderEnvironment(lab),
        stdout: "piped",
      }).spawn();
    const [mine, other] = [start(name), start(`${name}-2`)];
    const said = async (child: Deno.ChildProcess) => {
      const reader = child.stdout.getReader();
      const { value } = await reader.read();
      await reader.cancel();
      return Number(new TextDecoder().decode(value));
    };
    const [below, spared] = [await said(mine), await said(other)].map((pid) =>
      parseProcessStat(Deno.readTextFileSync(`/proc/${pid}/stat`))
    );
    assert.ok(below && spared);
    try {
      await endBuilders(name);
      assert.equal((await mine.status).signal, "SIGKILL");
      assert.ok(!isAlive(below));
      assert.ok(isAlive(spared));
      Deno.kill(other.pid, "SIGCONT");
    } finally {
      await endBuilders(`${name}-2`);
      await other.status;
    }
    await endBuilders(name);
  },
});
