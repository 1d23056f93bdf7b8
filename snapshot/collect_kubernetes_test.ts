import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { FakeKubeApi } from "../tests/support/kube_api.ts";
import {
  collectKubernetes,
  kubernetesAccessOptions,
} from "./collect_kubernetes.ts";
import { collectStore } from "./collect_store.ts";
import { isKnown, valueOf } from "./fact.ts";
import { discoverSettings, type Discovery } from "./settings.ts";

const P = "flannel.alpha.coreos.com";

function discovery(
  flags: Readonly<Record<string, string>>,
  agent: Discovery["agent"] = null,
): Discovery {
  const given = { "kube-subnet-mgr": "true", ...flags };
  const found = discoverSettings({
    flags: new Map(
      Object.entries(given).map(([name, value]) => [name, [value]]),
    ),
    environment: {},
    processes: [],
    units: [],
    cwd: "/",
    exists: () => false,
  });
  return { ...found, agent };
}

function agentOf(
  root: string,
  environment: Readonly<Record<string, string>>,
): NonNullable<Discovery["agent"]> {
  return {
    facts: {
      pid: 7,
      name: "flanneld",
      argv: ["flanneld"],
      environment: {},
      started: "2026-01-01T00:00:00Z",
      unit: null,
      version: null,
      cwd: "/",
    },
    argv: ["flanneld"],
    environment,
    root,
  };
}

/** A file with the network config, gone at the end of the block. */
class NetConf implements Disposable {
  readonly path = Deno.makeTempFileSync();

  constructor(config: unknown) {
    Deno.writeTextFileSync(this.path, JSON.stringify(config));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path);
  }
}

const CONFIG = { Network: "10.244.0.0/16", Backend: { Type: "host-gw" } };

function annotated(
  publicIP: string,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const annotations = {
    "kube-subnet-manager": "true",
    "backend-type": "host-gw",
    "backend-data": "null",
    "public-ip": publicIP,
    ...more,
  };
  return Object.fromEntries(
    Object.entries(annotations).map(([name, value]) => [`${P}/${name}`, value]),
  );
}

Deno.test("collectStore() reads a Kubernetes network's nodes as leases", async () => {
  await using api = new FakeKubeApi();
  using conf = new NetConf(CONFIG);
  api.addNode("node-2", {
    podCIDRs: ["10.244.2.0/24", "fd00::/64"],
    annotations: annotated("192.168.1.2"),
  });
  api.addNode("node-1", {
    podCIDRs: ["10.244.1.0/24"],
    annotations: annotated("192.168.1.1", { "node-public-ip": "192.168.1.1" }),
  });
  api.addNode("bare", { podCIDRs: ["10.244.3.0/24"] });
  const facts = await collectStore(
    discovery(
      { "kube-api-url": api.url, "net-config-path": conf.path },
      agentOf("", { NODE_NAME: "node-1" }),
    ),
    () => {
      throw new Error("etcd is not asked");
    },
  );
  const [one, two] = ["192.168.1.1", "192.168.1.2"].map((ip) =>
    `{"PublicIP":"${ip}","PublicIPv6":null,"BackendType":"host-gw"}`
  );
  assert.deepEqual(valueOf(facts.leaseRecords), [
    { key: "10.244.1.0-24", value: one, ttl: null },
    { key: "10.244.2.0-24", value: two, ttl: null },
  ]);
  const [endpoint] = valueOf(facts.endpoints) ?? [];
  assert.deepEqual(
    [endpoint?.endpoint, endpoint?.reachable, endpoint?.version],
    [api.url, true, "v1.34.1"],
  );
  const record = valueOf(facts.configRecord);
  assert.equal(record?.key, conf.path);
  assert.deepEqual(JSON.parse(record?.text ?? ""), CONFIG);
  assert.deepEqual(facts.settings.publicIP, {
    value: "192.168.1.1",
    source: `annotation ${P}/node-public-ip of node node-1`,
  });
  // It only reads.
  assert.deepEqual(api.rules(), ["list nodes"]);
});

Deno.test("collectKubernetes() says why the leases are unknown", async (t) => {
  using conf = new NetConf(CONFIG);
  const path = { "net-config-path": conf.path };
  await t.step("there is no way to an API server", async () => {
    const facts = await collectKubernetes(discovery(path), 1000, {});
    assert.ok(!isKnown(facts.leaseRecords));
    assert.match(facts.leaseRecords.unknown, /neither --kubeconfig-file nor/);
    assert.ok(isKnown(facts.configRecord));
  });
  await t.step("the role does not allow it", async () => {
    await using api = new FakeKubeApi();
    api.forbidden.add("list nodes");
    const found = discovery({ ...path, "kube-api-url": api.url });
    const facts = await collectKubernetes(found, 1000, {});
    assert.ok(!isKnown(facts.leaseRecords));
    assert.match(facts.leaseRecords.unknown, /verb "list" on resource "nodes"/);
  });
  await t.step("the server does not answer", async () => {
    await using api = new FakeKubeApi();
    api.freeze();
    const found = discovery({ ...path, "kube-api-url": api.url });
    const facts = await collectKubernetes(found, 200, {});
    assert.ok(!isKnown(facts.leaseRecords));
    assert.match(
      facts.leaseRecords.unknown,
      /no answer from the Kubernetes API/,
    );
  });
});

const NO_FILE = "/nowhere/net-conf.json";

/** A discovery without flags for the file, which is not on this host. */
function podless(
  api: FakeKubeApi,
  configOwner: Discovery["configOwner"] = null,
): Discovery {
  const flags = { "kube-api-url": api.url, "net-config-path": NO_FILE };
  return { ...discovery(flags), configOwner };
}

Deno.test("collectKubernetes() reads the ConfigMap where the host has no file", async (t) => {
  await using api = new FakeKubeApi();
  api.addNode("dual", {
    podCIDRs: ["10.244.1.0/24", "fd00::/64"],
    annotations: annotated("192.168.1.1"),
  });
  const config = async (owner: Discovery["configOwner"] = null) =>
    (await collectKubernetes(podless(api, owner), 1000, {})).configRecord;
  const why = async (owner: Discovery["configOwner"] = null) => {
    const fact = await config(owner);
    return isKnown(fact) ? `known: ${fact.known.text}` : fact.unknown;
  };
  await t.step("none there", async () => {
    assert.equal(
      await why(),
      `${NO_FILE} is not there on this host, and the cluster has no ConfigMap kube-flannel-cfg in namespace kube-flannel or kube-system: --net-config-path says where the config is`,
    );
  });
  await t.step("not allowed", async () => {
    api.forbidden.add("get configmaps");
    assert.match(
      await why(),
      /is not there on this host, and its ConfigMap cannot be read: Cannot get configmaps "kube-flannel\/kube-flannel-cfg": the role lacks verb "get"/,
    );
    api.forbidden.clear();
  });
  api.addConfigMap("kube-flannel", "kube-flannel-cfg", {
    "net-conf.json": JSON.stringify(CONFIG),
  });
  await t.step("there", async () => {
    const found = await collectKubernetes(podless(api), 1000, {});
    const { key, text, configMap } = valueOf(found.configRecord)!;
    assert.deepEqual([key, JSON.parse(text ?? ""), configMap], [
      "ConfigMap kube-flannel/kube-flannel-cfg",
      CONFIG,
      { namespace: "kube-flannel", name: "kube-flannel-cfg" },
    ]);
    // Its families are those of the leases.
    assert.deepEqual(
      valueOf(found.leaseRecords)?.map((record) => record.key),
      ["10.244.1.0-24"],
    );
  });
  await t.step(
    "a file that somebody of this host reads is missing",
    async () => {
      for (const owner of ["agent", "unit"] as const) {
        const record = await config(owner);
        assert.deepEqual(
          isKnown(record) && [record.known.key, record.known.text],
          [NO_FILE, null],
        );
      }
    },
  );
  await t.step("a file that a person named is missing", async () => {
    assert.equal(
      await why("person"),
      `${NO_FILE} is not there (flag --net-config-path)`,
    );
  });
  await t.step("no way to an API server", async () => {
    const { settings, ...rest } = discovery({});
    const path = { value: NO_FILE, source: "default" };
    const fact = (await collectKubernetes(
      { ...rest, settings: { ...settings, netConfigPath: path } },
      1000,
      {},
    )).configRecord;
    assert.ok(!isKnown(fact));
    assert.match(
      fact.unknown,
      /and its ConfigMap cannot be read: There is no way to the Kubernetes API/,
    );
  });
});

Deno.test("kubernetesAccessOptions() goes the agent's way, else the shell's", async (t) => {
  const shell = {
    KUBECONFIG: "/root/.kube/config",
    KUBERNETES_SERVICE_HOST: "10.0.0.9",
    KUBERNETES_SERVICE_PORT: "6443",
  };
  const agent = agentOf("/proc/7/root", {
    KUBERNETES_SERVICE_HOST: "10.96.0.1",
    KUBERNETES_SERVICE_PORT: "443",
  });
  const { settings } = discovery({});

  await t.step("an agent in a pod", () => {
    const options = kubernetesAccessOptions(settings, agent, shell);
    assert.deepEqual(
      [options.kubeconfigFile, options.serviceHost, options.servicePort],
      ["", "10.96.0.1", "443"],
    );
    assert.deepEqual(options.serviceAccount, [
      "/proc/7/root/run/secrets/kubernetes.io/serviceaccount",
      "/proc/7/root/var/run/secrets/kubernetes.io/serviceaccount",
    ]);
  });
  await t.step("nobody: the shell", () => {
    const options = kubernetesAccessOptions(settings, null, shell);
    assert.deepEqual(
      [options.kubeconfigFile, options.kubeconfigList, options.serviceHost],
      ["", "/root/.kube/config", "10.0.0.9"],
    );
  });
  await t.step("a flag goes before both", () => {
    const named = discovery({ "kubeconfig-file": "/etc/k.conf" }).settings;
    const options = kubernetesAccessOptions(named, agent, shell);
    assert.deepEqual(
      [options.kubeconfigFile, options.kubeconfigList],
      ["/etc/k.conf", ""],
    );
  });
  await t.step("files that a contained kubeconfig names are its own", () => {
    const directory = Deno.makeTempDirSync();
    try {
      Deno.writeTextFileSync(`${directory}/ca.pem`, "CA");
      const named = discovery({ "kubeconfig-file": `${directory}/k` }).settings;
      const inside = agentOf(directory, {});
      const { readText } = kubernetesAccessOptions(named, inside, {});
      assert.equal(readText?.("/ca.pem"), "CA");
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  });
});
