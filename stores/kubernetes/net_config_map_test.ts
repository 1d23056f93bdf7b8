import assert from "node:assert/strict";
import "../../tests/support/load_files.ts";
import { FakeKubeApi } from "../../tests/support/kube_api.ts";
import { KubernetesClient } from "./client.ts";
import { readNetConfigMap } from "./net_config_map.ts";

const CONFIG = '{"Network":"10.244.0.0/16"}';

function clientOf(api: FakeKubeApi): KubernetesClient {
  return new KubernetesClient({
    access: {
      server: api.url,
      source: "test",
      ca: null,
      cert: null,
      key: null,
      token: null,
      tokenFile: null,
    },
  });
}

Deno.test("readNetConfigMap() finds kube-flannel's ConfigMap", async (t) => {
  await using api = new FakeKubeApi();
  const client = clientOf(api);
  try {
    await t.step("none", async () => {
      assert.equal(await readNetConfigMap(client), null);
    });
    await t.step("of an older manifest", async () => {
      api.addConfigMap("kube-system", "kube-flannel-cfg", {
        "net-conf.json": CONFIG,
      });
      assert.deepEqual(await readNetConfigMap(client), {
        namespace: "kube-system",
        name: "kube-flannel-cfg",
        text: CONFIG,
      });
    });
    await t.step("without the file in it, and another with it", async () => {
      api.addConfigMap("kube-flannel", "kube-flannel-cfg", {});
      await assert.rejects(
        readNetConfigMap(client),
        /two configs that differ, in ConfigMap kube-flannel-cfg of namespaces kube-flannel and kube-system/,
      );
    });
    await t.step("two that are the same", async () => {
      api.addConfigMap("kube-flannel", "kube-flannel-cfg", {
        "net-conf.json": CONFIG,
      });
      assert.equal(
        (await readNetConfigMap(client))?.namespace,
        "kube-flannel",
      );
    });
    await t.step("what the role does not allow is said", async () => {
      api.forbidden.add("get configmaps");
      await assert.rejects(
        readNetConfigMap(client),
        /Cannot get configmaps "kube-flannel\/kube-flannel-cfg": the role lacks verb "get" on resource "configmaps"/,
      );
    });
  } finally {
    client.close();
  }
});
