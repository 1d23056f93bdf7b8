import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { needs } from "../tests/support/needs.ts";
import { TestNetns } from "../tests/support/netns.ts";
import { valueOf } from "../snapshot/fact.ts";
import {
  isAgentFromSource,
  isForkOf,
  parseEnvironment,
  readProcesses,
  startTicks,
  unitOfCgroup,
} from "./processes.ts";

Deno.test("parseEnvironment() keeps what flannel and Docker read", () => {
  assert.deepEqual(
    parseEnvironment(
      "PATH=/bin\0FLANNELD_IFACE=eth0\0NODE_NAME=n1\0FLANNELD_X=a=b\0HOME=/\0",
    ),
    { FLANNELD_IFACE: "eth0", NODE_NAME: "n1", FLANNELD_X: "a=b" },
  );
});

Deno.test("unitOfCgroup() reads either hierarchy", async (t) => {
  const cases: readonly (readonly [string, string, string | null])[] = [
    ["v2", "0::/system.slice/flanneld.service\n", "flanneld.service"],
    [
      "v1",
      "5:cpu:/x.service\n1:name=systemd:/system.slice/docker.service\n",
      "docker.service",
    ],
    ["session", "0::/user.slice/user-0.slice/session-3.scope\n", null],
    ["a user's unit", "0::/user.slice/user-0.slice/a.service\n", null],
    ["a pod", "0::/kubepods.slice/cri-containerd-1.scope\n", null],
    ["none", "0::/\n", null],
  ];
  for (const [name, text, unit] of cases) {
    await t.step(name, () => assert.equal(unitOfCgroup(text), unit));
  }
});

Deno.test("startTicks() is not misled by blanks in the name", () => {
  const stat = "812 (my (odd) name) S 1 812 812 0 -1 4194560 1 0 0 0 5 3 0 0 " +
    "20 0 9 0 123456 1 2";
  assert.equal(startTicks(stat), 123456);
  assert.equal(startTicks(""), null);
});

Deno.test("isForkOf() tells a process that has not begun its program yet", () => {
  const stat = `812 (flandoc) S ${Deno.pid} 812 812 0 -1 4194560`;
  const own = Deno.readTextFileSync("/proc/self/cmdline").split("\0");
  own.pop();
  assert.ok(isForkOf(stat, own));
  assert.ok(!isForkOf(stat, ["iptables-save", "-t", "nat"]));
  assert.ok(!isForkOf("812 (flandoc) S 0 812", own));
  assert.ok(!isForkOf("", own));
});

Deno.test("isAgentFromSource() goes by deno.json, else by flanneld's flags", async () => {
  const directory = await Deno.makeTempDir();
  const runs = (...flags: string[]) =>
    isAgentFromSource(["deno", "run", "-A", "main.ts", ...flags], directory);
  try {
    // Not there stands for what an ordinary user may not read.
    assert.ok(runs("run", "--etcd-endpoints=http://127.0.0.1:2379"));
    assert.ok(runs("run", "-iface", "eth0", "-subnet-file", "/x"));
    assert.ok(!runs("run", "--port=80"));
    assert.ok(!runs("check", "--etcd-endpoints=http://127.0.0.1:2379"));
    const config = `${directory}/deno.json`;
    await Deno.writeTextFile(config, '{"name": "@flandoc/flandoc"}');
    assert.ok(runs("run"));
    assert.ok(!runs("check"));
    // The portable executable runs what the source was bundled into.
    assert.ok(isAgentFromSource(["deno", "run", "main.js", "run"], directory));
    await Deno.writeTextFile(config, '{"name": "@else/server"}');
    assert.ok(!runs("run", "--etcd-endpoints=http://127.0.0.1:2379"));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test({
  name: "readProcesses() tells this namespace's agent from another's",
  ...needs({ netns: true }),
  async fn() {
    const directory = await Deno.makeTempDir();
    using here = new TestNetns();
    using elsewhere = new TestNetns();
    const names = [here.name, elsewhere.name];
    const children: Deno.ChildProcess[] = [];
    const run = async (...argv: string[]) => {
      const [program = "", ...args] = argv;
      const { code, stdout, stderr } = await new Deno.Command(program, { args })
        .output();
      const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assert.equal(code, 0, decode(stderr));
      return decode(stdout);
    };
    try {
      // A program of that name which stays: what it does is no matter here.
      await Deno.copyFile("/bin/sh", `${directory}/flanneld`);
      for (const name of names) {
        children.push(
          new Deno.Command("nsenter", {
            args: [
              `--net=/var/run/netns/${name}`,
              `${directory}/flanneld`,
              "-c",
              "read line",
              "flanneld",
              `--etcd-password=hunter-${name}`,
            ],
            cwd: directory,
            env: { FLANNELD_ETCD_PREFIX: `/${name}` },
            stdin: "piped",
          }).spawn(),
        );
      }
      await waitFor(() => {
        const all = valueOf(readProcesses());
        const ids = new Set(all?.elsewhere.map((process) => process.pid));
        return children.every((child) => ids.has(child.pid));
      });
      const asked = valueOf(readProcesses("hunter-"));
      assert.deepEqual(
        asked?.elsewhere.map(({ pid }) => pid).sort(),
        children.map(({ pid }) => pid).sort(),
      );
      assert.deepEqual(valueOf(readProcesses("no-such-word-anywhere")), {
        here: [],
        elsewhere: [],
      });
      const url = import.meta.resolve("./processes.ts");
      const script = `import { readProcesses } from ${JSON.stringify(url)};
        console.log(JSON.stringify(readProcesses()));`;
      const output = await run(
        "nsenter",
        `--net=/var/run/netns/${names[0]}`,
        Deno.execPath(),
        "eval",
        script,
      );
      const fact = JSON.parse(output) as ReturnType<typeof readProcesses>;
      const found = valueOf(fact);
      assert.equal(found?.here.length, 1);
      const [agent] = found?.here ?? [];
      assert.equal(agent?.facts.pid, children[0]?.pid);
      assert.equal(agent?.facts.name, "flanneld");
      assert.equal(agent?.facts.cwd, directory);
      assert.deepEqual(agent?.facts.environment, {
        FLANNELD_ETCD_PREFIX: `/${names[0]}`,
      });
      assert.ok(agent?.facts.argv.includes("--etcd-password=***"));
      assert.ok(agent?.argv.includes(`--etcd-password=hunter-${names[0]}`));
      const age = Date.now() - Date.parse(agent?.facts.started ?? "");
      assert.ok(age > -2000 && age < 600_000, `started ${age} ms ago`);
      assert.ok(
        found?.elsewhere.some((other) => other.pid === children[1]?.pid),
      );
    } finally {
      for (const child of children) {
        await child.stdin.close();
        await child.status;
      }
      await Deno.remove(directory, { recursive: true });
    }
  },
});

async function waitFor(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_200; tries++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("Waited a minute in vain");
}
