import assert from "node:assert/strict";
import {
  changed,
  onKubernetes,
  record,
  withConfig,
  withLeases,
  withSettings,
  withSubnetEnv,
} from "../../tests/fixtures/changes.ts";
import { unknown } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { judged, sentences } from "../../tests/support/judged.ts";
import { CONFIG_MISSING } from "./config_missing.ts";

const FILES = "--ca-file=/opt/flannel/cert/ca.pem " +
  "--cert-file=/opt/flannel/cert/client.pem " +
  "--key-file=/opt/flannel/cert/client-key.pem";
const ETCDCTL = "ETCDCTL_API=2 etcdctl " +
  "--endpoints=https://192.168.1.10:2379,https://192.168.1.11:2379,https://192.168.1.12:2379 " +
  FILES;

Deno.test("FD101 offers the config that leases and subnet.env tell of", () => {
  const facts = withConfig(null);
  assert.deepEqual(judged(CONFIG_MISSING, facts).lines, [
    "error default: /coreos.com/network/config",
    '  wanted {"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}',
    `  $ ${ETCDCTL} get /coreos.com/network/config`,
    `  $ ${ETCDCTL} set /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}'`,
  ]);
  assert.deepEqual(sentences(CONFIG_MISSING, facts), [
    "There is no network config under /coreos.com/network/config in the etcd v2 API, so flanneld waits for one and gives this host no subnet.",
  ]);
});

Deno.test("FD101 takes an empty value for none", () => {
  assert.equal(judged(CONFIG_MISSING, withConfig(" \n")).verdict, "failed");
});

Deno.test("FD101 offers a template where nothing tells of the config", () => {
  const bare = withSubnetEnv(null, {}, withLeases([], withConfig(null)));
  const { lines } = judged(CONFIG_MISSING, bare);
  assert.equal(
    lines.at(-1),
    `  $ ${ETCDCTL} set /coreos.com/network/config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'`,
  );
});

Deno.test("FD101 offers no config that would void the leases there are", async (t) => {
  const none = withConfig(null);
  const commands = (facts: Facts) =>
    judged(CONFIG_MISSING, facts).findings[0]?.commands.length;
  await t.step("leases, and no subnet.env", () => {
    assert.equal(commands(withSubnetEnv(null, {}, none)), 1);
  });
  await t.step("subnet.env, and no leases", () => {
    assert.equal(commands(withLeases([], none)), 1);
  });
});

Deno.test("FD101 remembers the length of the subnets", () => {
  const facts = withLeases([
    record("172.7.21.64-26", "192.168.1.10"),
    record("172.7.22.0-26", "192.168.1.11"),
  ], withConfig(null));
  assert.match(
    judged(CONFIG_MISSING, facts).lines[1] ?? "",
    /"Network": "172.7.0.0\/16", "SubnetLen": 26, "Backend"/,
  );
});

Deno.test("FD101 says that the other API could not be asked", () => {
  const facts = withConfig({ text: null, otherApi: unknown("v3 is off") });
  assert.equal(judged(CONFIG_MISSING, facts).lines[2], "  found v3 is off");
});

Deno.test("FD101 names another prefix that has a config", () => {
  const facts = withConfig({
    text: null,
    nearby: [{ key: "/atomic.io/network/config", text: '{"Network":"1/8"}' }],
  });
  assert.deepEqual(sentences(CONFIG_MISSING, facts), [
    "There is no network config under /coreos.com/network/config in the etcd v2 API, but there is one under /atomic.io/network/config: flanneld's --etcd-prefix does not match where the config was written.",
  ]);
});

Deno.test("FD101 writes etcdctl's line for the v3 API, without certificates where none are used", () => {
  const facts = withSettings({
    store: "etcd-v3",
    etcdEndpoints: ["http://127.0.0.1:2379"],
    etcdCafile: "",
    etcdCertfile: "",
    etcdKeyfile: "",
  }, withConfig(null));
  assert.deepEqual(judged(CONFIG_MISSING, facts).lines.slice(-2), [
    "  $ ETCDCTL_API=3 etcdctl --endpoints=http://127.0.0.1:2379 get /coreos.com/network/config",
    `  $ ETCDCTL_API=3 etcdctl --endpoints=http://127.0.0.1:2379 put /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}'`,
  ]);
});

Deno.test("FD101 speaks of the ConfigMap that a pod's file comes from", () => {
  const configMap = { namespace: "kube-flannel", name: "kube-flannel-cfg" };
  const key = "ConfigMap kube-flannel/kube-flannel-cfg";
  const facts = onKubernetes(withConfig({ key, configMap, text: null }));
  assert.deepEqual(judged(CONFIG_MISSING, facts).lines, [
    `error configmap: ${key}`,
    `  found ${key}`,
    "  $ kubectl -n kube-flannel get configmap kube-flannel-cfg -o yaml",
  ]);
  assert.deepEqual(sentences(CONFIG_MISSING, facts), [
    "ConfigMap kube-flannel/kube-flannel-cfg has no net-conf.json, or an empty one: the agent's pod ends at its start on every node.",
  ]);
  const there = { key, configMap, text: '{"Network":"10.244.0.0/16"}' };
  assert.equal(
    judged(CONFIG_MISSING, onKubernetes(withConfig(there))).verdict,
    "ok",
  );
});

Deno.test("FD101 is unknown where nobody can say what a pod reads", () => {
  const facts = changed({
    configRecord: unknown("the file is in pods only"),
  }, onKubernetes());
  assert.equal(
    judged(CONFIG_MISSING, facts).verdict,
    "unknown: the file is in pods only",
  );
});

Deno.test("FD101 speaks of the file under Kubernetes", () => {
  const facts = onKubernetes(
    withConfig({ key: "/etc/kube-flannel/net-conf.json", text: null }),
  );
  assert.deepEqual(judged(CONFIG_MISSING, facts).lines, [
    "error file: /etc/kube-flannel/net-conf.json",
    "  file /etc/kube-flannel/net-conf.json",
    "  $ cat /etc/kube-flannel/net-conf.json",
  ]);
});
