import assert from "node:assert/strict";
import type { ProcessFacts } from "../snapshot/facts.ts";
import { rivalAmong } from "./rival.ts";

const FILE = "/run/flannel/subnet.env";

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
      const said = rivalAmong([each], FILE);
      if (!isRival) return assert.equal(said, null);
      assert.match(said ?? "", /^flanneld \(pid 7\) runs here with the same/);
    });
  }
});
