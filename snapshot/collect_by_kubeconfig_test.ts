import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { FakeKubeApi } from "../tests/support/kube_api.ts";
import { collectByKubeconfig } from "./collect_by_kubeconfig.ts";
import { valueOf } from "./fact.ts";
import { discoverSettings } from "./settings.ts";

const P = "flannel.alpha.coreos.com";

function annotated(publicIP: string): Record<string, string> {
  return {
    [`${P}/kube-subnet-manager`]: "true",
    [`${P}/backend-type`]: "host-gw",
    [`${P}/backend-data`]: "null",
    [`${P}/public-ip`]: publicIP,
  };
}

Deno.test("collectByKubeconfig() takes the cluster this host is a node of", async (t) => {
  await using api = new FakeKubeApi();
  const KUBECONFIG = await Deno.makeTempFile();
  const cluster = { server: api.url };
  await Deno.writeTextFile(
    KUBECONFIG,
    JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "k" } }],
      clusters: [{ name: "k", cluster }],
    }),
  );
  const subnetFile = await Deno.makeTempFile();
  const open = discoverSettings({
    flags: new Map([["subnet-file", [subnetFile]]]),
    environment: {},
    processes: [],
    units: [],
    cwd: "/",
    exists: () => false,
  });
  const host = { hostname: "Node-1", addresses: ["192.168.1.1"] };
  const collected = (who: typeof host, path = KUBECONFIG) =>
    collectByKubeconfig(open, 1000, who, { KUBECONFIG: path });
  try {
    api.addNode("node-1", { podCIDRs: ["10.244.1.0/24"] });
    await t.step("a cluster without flannel", async () => {
      assert.equal(await collected(host), null);
    });
    api.addNode("node-2", {
      podCIDRs: ["10.244.2.0/24"],
      annotations: annotated("192.168.1.2"),
    });
    await t.step("by the node's name", async () => {
      const facts = await collected(host);
      assert.deepEqual(facts?.settings.store, {
        value: "kubernetes",
        source: "environment KUBECONFIG",
      });
      assert.equal(valueOf(facts!.leaseRecords)?.length, 1);
    });
    await t.step("by an address", async () => {
      const two = { hostname: "else", addresses: ["192.168.1.2"] };
      assert.ok(await collected(two));
    });
    await t.step("with the node's subnet", async () => {
      await Deno.writeTextFile(
        subnetFile,
        "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
      );
      assert.ok(await collected(host));
    });
    await t.step("not with another, which is etcd's", async () => {
      await Deno.writeTextFile(
        subnetFile,
        "FLANNEL_NETWORK=172.7.0.0/16\nFLANNEL_SUBNET=172.7.21.1/24\nFLANNEL_MTU=1500\nFLANNEL_IPMASQ=false\n",
      );
      assert.equal(await collected(host), null);
      await Deno.writeTextFile(subnetFile, "");
    });
    await t.step("another cluster's administrator", async () => {
      const other = { hostname: "else", addresses: ["192.168.9.9"] };
      assert.equal(await collected(other), null);
    });
    await t.step("a kubeconfig that leads nowhere", async () => {
      assert.equal(await collected(host, "/nowhere"), null);
      assert.equal(await collected(host, ""), null);
    });
  } finally {
    await Deno.remove(KUBECONFIG);
    await Deno.remove(subnetFile);
  }
});
