import assert from "node:assert/strict";
import type { ProcessFacts } from "../snapshot/facts.ts";
import { eventually } from "../tests/support/agents.ts";
import { quietLog } from "../tests/support/quiet_log.ts";
import { othersAmong, rivalAmong, RivalWatch } from "./rival.ts";

const FILE = "/run/flannel/subnet.env";

const PLACE = {
  subnetFile: FILE,
  store: "auto",
  etcd: { endpoints: ["https://10.0.0.1:2379"], prefix: "/flannel/network" },
} as const;

function process(
  line: string,
  environment: Record<string, string> = {},
  name = "flanneld",
) {
  const facts = { name, pid: 7 } as ProcessFacts;
  return { facts, argv: line.split(" "), environment };
}

Deno.test("rivalAmong() tells flanneld by its subnet file", async (t) => {
  const two = { FLANNELD_SUBNET_FILE: "/run/two.env" };
  const table: [string, ReturnType<typeof process>, boolean][] = [
    ["the default", process("/opt/flanneld --ip-masq"), true],
    ["its flag", process("flanneld -subnet-file=/run/two.env"), false],
    ["as a word", process("flanneld --subnet-file /run/two.env -v 1"), false],
    ["the same", process(`flanneld --subnet-file ${FILE}`), true],
    ["its variable", process("flanneld", two), false],
    ["flag first", process(`flanneld -subnet-file ${FILE}`, two), true],
    ["another", process("dockerd", {}, "dockerd"), false],
  ];
  for (const [name, each, isRival] of table) {
    await t.step(name, () => {
      const said = rivalAmong([each], PLACE);
      if (!isRival) return assert.equal(said, null);
      assert.match(said ?? "", /^flanneld \(pid 7\) runs here with the same/);
    });
  }
});

Deno.test("rivalAmong() tells flanneld by where its records are", async (t) => {
  const two = "flanneld -subnet-file=/run/two.env";
  const at = "-etcd-endpoints=http://10.0.0.9:4001,https://10.0.0.1:2379/";
  const table: [string, string, boolean][] = [
    ["the same", `${two} ${at} -etcd-prefix=/flannel/network`, true],
    ["spelt otherwise", `${two} ${at} -etcd-prefix=flannel/network/`, true],
    ["another prefix", `${two} ${at} -etcd-prefix=/flannel/two`, false],
    ["another etcd", `${two} -etcd-prefix=/flannel/network`, false],
    ["Kubernetes", `${two} ${at} -kube-subnet-mgr`, false],
  ];
  for (const [name, line, isRival] of table) {
    await t.step(name, () => {
      const said = rivalAmong([process(line)], PLACE);
      assert.equal(
        said,
        isRival
          ? "flanneld (pid 7) runs here with the same records, https://10.0.0.1:2379/flannel/network: stop it first"
          : null,
      );
      assert.equal(othersAmong([process(line)], PLACE).length, isRival ? 0 : 1);
    });
  }
  await t.step("one node of Kubernetes", () => {
    const place = { ...PLACE, store: "kubernetes" } as const;
    assert.match(
      rivalAmong([process(`${two} --kube-subnet-mgr=true`)], place)!,
      /the same records, the node in Kubernetes/,
    );
  });
});

Deno.test("othersAmong() tells the flannelds of other networks", () => {
  const all = [
    process("/opt/flanneld --ip-masq"),
    process("flanneld -subnet-file=/run/two.env"),
    process("flandoc run -subnet-file=/run/two.env", {}, "flandoc"),
  ];
  assert.deepEqual(othersAmong(all, PLACE), [7]);
  assert.deepEqual(othersAmong(all.slice(0, 1), PLACE), []);
});

Deno.test("RivalWatch tells of a flanneld that comes, once, and that goes", async () => {
  const log = quietLog();
  let found: string | null = null;
  let looks = 0;
  const look = () => {
    looks++;
    return found;
  };
  const watch = new RivalWatch(look, log, 1);
  const stop = new AbortController();
  const running = watch.run(stop.signal);
  const looked = async () => {
    const before = looks;
    await eventually(() => looks, (now) => now > before + 1);
  };
  await looked();
  assert.equal(watch.problem, null);
  assert.deepEqual(log.lines, []);
  found = "flanneld (pid 7) runs here";
  await looked();
  await looked();
  assert.equal(watch.problem, found);
  found = null;
  await looked();
  assert.equal(watch.problem, null);
  stop.abort();
  await running;
  assert.equal(log.lines.length, 2, log.lines.join());
  assert.match(log.lines[0] ?? "", /pid 7/);
  assert.match(log.lines[1] ?? "", /gone/);
});
