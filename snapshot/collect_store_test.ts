import "../tests/support/load_files.ts";
import assert from "node:assert/strict";
import { FakeKubeApi } from "../tests/support/kube_api.ts";
import type { LeaseRecord } from "../flannel/lease.ts";
import type { EndpointHealth, EtcdOptions, Store } from "../stores/store.ts";
import { StoreUnavailable } from "../stores/store.ts";
import {
  chooseApi,
  collectStore,
  type EtcdKind,
  etcdOptions,
  type OpenStore,
} from "./collect_store.ts";
import { isKnown, known, unknown, valueOf } from "./fact.ts";
import { discoverSettings, type Discovery } from "./settings.ts";

const HEALTH: EndpointHealth = {
  endpoint: "http://h:2379",
  reachable: true,
  error: null,
  errorKind: null,
  version: "3.4.23",
  clusterId: "1",
  memberId: "2",
  healthy: true,
  hasLeader: true,
  alarms: [],
  v2: true,
  v3: true,
  latencyMs: 1,
};

const LEASE: LeaseRecord = {
  key: "10.5.1.0-24",
  value: '{"PublicIP":"10.0.0.1"}',
  ttl: 86000,
};

/** Configs by `kind prefix`, and what was opened and closed. */
class FakeEtcd {
  readonly opened: string[] = [];
  closed = 0;
  failure: Error | undefined;
  hang = false;
  endpoint = HEALTH;

  constructor(readonly configs: Readonly<Record<string, string>>) {}

  readonly open: OpenStore = (kind: EtcdKind, options: EtcdOptions) => {
    const name = `${kind} ${options.prefix}`;
    this.opened.push(name);
    const answer = <T>(value: T): Promise<T> =>
      this.hang
        ? new Promise(() => {})
        : this.failure
        ? Promise.reject(this.failure)
        : Promise.resolve(value);
    const store: Pick<
      Store,
      "readConfig" | "readLeases" | "health" | "close"
    > = {
      readConfig: () => answer(this.configs[name] ?? null),
      readLeases: () => answer({ leases: [LEASE], cursor: "1" }),
      health: () => Promise.resolve([this.endpoint]),
      close: () => {
        this.closed++;
      },
    };
    return store as Store;
  };
}

function discovery(...flags: readonly string[]): Discovery {
  const given = new Map(
    flags.map((flag) => {
      const [name = "", value = ""] = flag.split("=");
      return [name, [value]] as const;
    }),
  );
  return discoverSettings({
    flags: given,
    environment: { FLANDOC_ETCD_PASSWORD: "hunter2" },
    processes: [],
    units: [],
    cwd: "/",
    exists: () => false,
  });
}

Deno.test("etcdOptions() leaves out what is not set", () => {
  assert.deepEqual(etcdOptions(discovery("etcd-endpoints=http://h:2379")), {
    endpoints: ["http://h:2379"],
    prefix: "/coreos.com/network",
    timeoutMs: 3000,
    password: "hunter2",
  });
});

Deno.test("chooseApi() takes the API that holds the config", async (t) => {
  const yes = known("{}");
  const no = known(null);
  const lost = unknown<string | null>("refused");
  const cases = [
    ["v2 only", yes, no, "etcd-v2", "the config is in etcd's v2 API"],
    ["v3 only", no, yes, "etcd-v3", "the config is in etcd's v3 API"],
    ["v2 switched off", lost, yes, "etcd-v3", "the config is in etcd's v3 API"],
    ["both", yes, yes, "etcd-v3", "default"],
    ["neither", no, no, "etcd-v3", "default"],
    ["nothing known", lost, lost, "etcd-v3", "default"],
  ] as const;
  for (const [name, v2, v3, kind, source] of cases) {
    await t.step(name, () => {
      assert.deepEqual(
        chooseApi({ "etcd-v2": v2, "etcd-v3": v3 }, "etcd-v3"),
        { kind, source },
      );
    });
  }
});

Deno.test("collectStore() reads config and leases, and closes what it opened", async () => {
  const etcd = new FakeEtcd({ "etcd-v2 /coreos.com/network": "{}" });
  const facts = await collectStore(discovery("etcd-api=v2"), etcd.open);
  assert.deepEqual(facts.settings.store, {
    value: "etcd-v2",
    source: "flag --etcd-api",
  });
  assert.deepEqual(valueOf(facts.configRecord), {
    key: "/coreos.com/network/config",
    text: "{}",
    otherApi: known(null),
    nearby: [],
  });
  assert.deepEqual(valueOf(facts.leaseRecords), [LEASE]);
  assert.deepEqual(valueOf(facts.endpoints), [HEALTH]);
  assert.equal(etcd.closed, etcd.opened.length);
});

Deno.test("collectStore() finds out which API is used when nothing tells", async () => {
  const etcd = new FakeEtcd({ "etcd-v2 /coreos.com/network": "{}" });
  const { settings } = await collectStore(discovery(), etcd.open);
  assert.deepEqual(settings.store, {
    value: "etcd-v2",
    source: "the config is in etcd's v2 API",
  });
});

Deno.test("collectStore() looks at nearby prefixes when there is no config", async () => {
  const etcd = new FakeEtcd({
    "etcd-v3 coreos.com/network": '{"Network":"10.5.0.0/16"}',
    "etcd-v3 /atomic.io/network": '{"Backend":{"PSK":"abc"}}',
    "etcd-v2 /coreos.com/network": "v2's",
  });
  const facts = await collectStore(discovery("etcd-api=v3"), etcd.open);
  const record = valueOf(facts.configRecord);
  assert.equal(record?.text, null);
  assert.deepEqual(record?.otherApi, known("v2's"));
  assert.deepEqual(record?.nearby, [
    {
      key: "coreos.com/network/config",
      text: '{"Network":"10.5.0.0/16"}',
    },
    {
      key: "/atomic.io/network/config",
      text: '{"Backend":{"PSK":"***"}}',
    },
  ]);
});

Deno.test("collectStore() gives the reason when no endpoint answers", async () => {
  const etcd = new FakeEtcd({});
  etcd.failure = new StoreUnavailable("Cannot read: no endpoint answers", [
    { endpoint: "http://h:1", error: "connection refused", kind: "refused" },
  ]);
  const facts = await collectStore(discovery("etcd-api=v3"), etcd.open);
  const reason = /no endpoint answers; .*connection refused/;
  assert.match(JSON.stringify(facts.configRecord), reason);
  assert.match(JSON.stringify(facts.leaseRecords), reason);
  assert.ok(isKnown(facts.endpoints));
});

Deno.test("collectStore() does not wait for an etcd that hangs", async () => {
  const etcd = new FakeEtcd({});
  etcd.hang = true;
  const facts = await collectStore(discovery("etcd-api=v3"), etcd.open, 50);
  assert.deepEqual(facts.configRecord, {
    unknown: "no answer from etcd within 0.05 s",
  });
  assert.equal(etcd.closed, etcd.opened.length);
});

Deno.test("collectStore() ends when every endpoint is found silent", async () => {
  const etcd = new FakeEtcd({});
  etcd.hang = true;
  etcd.endpoint = { ...HEALTH, reachable: false, errorKind: "timeout" };
  const start = performance.now();
  const facts = await collectStore(discovery("etcd-api=v3"), etcd.open, 60_000);
  assert.ok(performance.now() - start < 30_000);
  assert.deepEqual(facts.leaseRecords, {
    unknown: "no answer in time from http://h:2379",
  });
});

Deno.test("collectStore() does not throw when files of the options are bad", async () => {
  const facts = await collectStore(discovery(), () => {
    throw new Error("Cannot read CA file: no such file");
  });
  assert.deepEqual(facts.endpoints, {
    unknown: "Cannot read CA file: no such file",
  });
  assert.ok(!isKnown(facts.leaseRecords));
});

Deno.test("collectStore() reads kube-flannel's config file", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, '{"Network":"10.244.0.0/16"}');
    const facts = await collectStore(
      discovery("kube-subnet-mgr=true", `net-config-path=${path}`),
      () => {
        throw new Error("Kubernetes has no etcd to open");
      },
    );
    assert.equal(
      valueOf(facts.configRecord)?.text,
      '{"Network":"10.244.0.0/16"}',
    );
    assert.ok(!isKnown(facts.leaseRecords));
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("collectStore() follows the shell's KUBECONFIG only where nothing speaks of etcd", async (t) => {
  await using api = new FakeKubeApi();
  const P = "flannel.alpha.coreos.com";
  api.addNode("node-1", {
    podCIDRs: ["10.244.1.0/24"],
    annotations: {
      [`${P}/kube-subnet-manager`]: "true",
      [`${P}/backend-type`]: "host-gw",
      [`${P}/backend-data`]: "null",
      [`${P}/public-ip`]: "192.168.1.1",
    },
  });
  const kubeconfig = await Deno.makeTempFile();
  await Deno.writeTextFile(
    kubeconfig,
    JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "k" } }],
      clusters: [{ name: "k", cluster: { server: api.url } }],
    }),
  );
  const before = Deno.env.get("KUBECONFIG");
  Deno.env.set("KUBECONFIG", kubeconfig);
  const config = { "etcd-v3 /coreos.com/network": "{}" };
  const store = async (
    found: Discovery,
    configs: Readonly<Record<string, string>>,
    own = ["192.168.1.1"],
  ) => {
    const etcd = new FakeEtcd(configs);
    if (configs === AWAY) etcd.failure = new Error("refused");
    const { settings } = await collectStore(found, etcd.open, 1000, own);
    return settings.store.value;
  };
  const AWAY = {};
  // The password of the others would speak of etcd.
  const open = { ...discovery(), isOpen: true };
  try {
    await t.step("etcd has no config", async () => {
      assert.equal(await store(open, { x: "" }), "kubernetes");
    });
    await t.step("etcd does not answer", async () => {
      assert.equal(await store(open, AWAY), "kubernetes");
    });
    await t.step("etcd has one", async () => {
      assert.equal(await store(open, config), "etcd-v3");
    });
    await t.step("etcd is named", async () => {
      const named = discovery("etcd-endpoints=http://h:2379");
      assert.equal(await store(named, AWAY), "etcd-v3");
    });
    await t.step("the cluster does not know this host", async () => {
      const found = await store(open, AWAY, ["192.168.9.9"]);
      assert.equal(found, "etcd-v3");
    });
  } finally {
    if (before === undefined) Deno.env.delete("KUBECONFIG");
    else Deno.env.set("KUBECONFIG", before);
    await Deno.remove(kubeconfig);
  }
});
