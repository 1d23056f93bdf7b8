import assert from "node:assert/strict";
import { FLANNEL_LATEST } from "./version.ts";
import { versionInUse } from "./version_in_use.ts";

const FLANNELD = { name: "flanneld", version: "v0.11.0" };
const UNTOLD = { name: "flanneld", version: null };
const FLANDOC = { name: "flandoc", version: null };

Deno.test("versionInUse() goes by the agent, else by the store", async (t) => {
  const cases = [
    ["a flanneld", [FLANNELD], "etcd-v3", "v0.11.0"],
    ["the one that tells", [UNTOLD, FLANNELD], "etcd-v2", "v0.11.0"],
    ["one that does not, v2", [UNTOLD], "etcd-v2", "0.17.0"],
    ["one that does not, v3", [UNTOLD], "etcd-v3", FLANNEL_LATEST],
    ["none, v2", [], "etcd-v2", "0.17.0"],
    ["none, v3", [], "etcd-v3", FLANNEL_LATEST],
    ["none, Kubernetes", [], "kubernetes", FLANNEL_LATEST],
    ["none, nothing known", [], null, FLANNEL_LATEST],
    ["flandoc on v2", [FLANDOC], "etcd-v2", FLANNEL_LATEST],
  ] as const;
  for (const [name, processes, store, version] of cases) {
    await t.step(name, () => {
      assert.equal(versionInUse(processes, store), version);
    });
  }
});
