import assert from "node:assert/strict";
import { agentFlags, agentWords } from "./flag_values.ts";

Deno.test("agentWords() leaves the program out", async (t) => {
  const cases: readonly (readonly [argv: string, words: string])[] = [
    ["/opt/flanneld --iface=eth0", "--iface=eth0"],
    ["flandoc run --iface eth0", "--iface eth0"],
    ["deno run -A /opt/flandoc/main.ts run --iface eth0", "--iface eth0"],
    ["deno run -A main.ts run -snat", "-snat"],
    [
      "/var/cache/flandoc/1f2e/deno run --quiet --no-config -R /var/cache/flandoc/1f2e/app/main.js run --iface eth0",
      "--iface eth0",
    ],
    ["flanneld run", "run"],
  ];
  for (const [argv, words] of cases) {
    await t.step(argv, () => {
      assert.equal(agentWords(argv.split(" ")).join(" "), words);
    });
  }
});

Deno.test("agentFlags() reads flanneld's flags and flandoc's own", async (t) => {
  const cases: readonly (readonly [string, Record<string, string[]>])[] = [
    ["flanneld -iface=eth0 --iface eth1 -ip-masq", {
      iface: ["eth0", "eth1"],
      "ip-masq": ["true"],
    }],
    ["flandoc run --etcd-api v2 --etcd-prefix=/a", {
      "etcd-prefix": ["/a"],
      "etcd-api": ["v2"],
    }],
    ["flandoc run --etcd-api=v3", { "etcd-api": ["v3"] }],
    ["flanneld", {}],
  ];
  for (const [argv, wanted] of cases) {
    await t.step(argv, () => {
      assert.deepEqual(Object.fromEntries(agentFlags(argv.split(" "))), wanted);
    });
  }
});
