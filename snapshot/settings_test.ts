import assert from "node:assert/strict";
import type { HostProcess } from "../host/processes.ts";
import type { UnitCommand } from "../host/systemd.ts";
import type { Settings } from "./facts.ts";
import {
  discoverSettings,
  type Discovery,
  type DiscoveryInput,
  withStore,
} from "./settings.ts";

function agent(
  argv: string,
  facts: Partial<HostProcess["facts"]> = {},
  more: Partial<HostProcess> = {},
): HostProcess {
  const words = argv.split(" ");
  return {
    argv: words,
    environment: {},
    root: "",
    ...more,
    facts: {
      pid: 812,
      name: "flanneld",
      argv: words,
      environment: {},
      started: "2026-11-22T07:00:00.000Z",
      unit: null,
      version: "v0.11.0",
      cwd: "/opt/flannel",
      ...facts,
    },
  };
}

function unit(argv: string, more: Partial<UnitCommand> = {}): UnitCommand {
  return {
    name: "flanneld.service",
    argv: argv.split(" "),
    environment: {},
    cwd: "/",
    ...more,
  };
}

function discover(input: Partial<DiscoveryInput>) {
  return discoverSettings({
    flags: new Map(),
    environment: {},
    processes: [],
    units: [],
    cwd: "/root",
    exists: () => false,
    ...input,
  });
}

/** `value (source)` of one setting. */
function shown(settings: Settings, name: keyof Settings): string {
  const { value, source } = settings[name];
  return `${[value].flat().join(",")} (${source})`;
}

Deno.test("discoverSettings() asks flags, environment, agent, unit, marks, defaults in this order", async (t) => {
  const all: Partial<DiscoveryInput> = {
    flags: new Map([["etcd-prefix", ["/flag"]]]),
    environment: {
      FLANNELD_ETCD_PREFIX: "/flanneld",
      FLANDOC_ETCD_PREFIX: "/flandoc",
    },
    processes: [agent("flanneld --etcd-prefix=/agent")],
    units: [unit("/opt/flanneld --etcd-prefix=/unit")],
  };
  const { flags: _f, ...noFlags } = all;
  const { environment: _e, ...noEnvironment } = noFlags;
  const cases: readonly (readonly [string, Partial<DiscoveryInput>, string])[] =
    [
      ["flags", all, "/flag (flag --etcd-prefix)"],
      [
        "FLANDOC_",
        noFlags,
        "/flandoc (environment FLANDOC_ETCD_PREFIX)",
      ],
      ["FLANNELD_", {
        ...noFlags,
        environment: { FLANNELD_ETCD_PREFIX: "/flanneld" },
      }, "/flanneld (environment FLANNELD_ETCD_PREFIX)"],
      ["agent", noEnvironment, "/agent (flanneld (pid 812))"],
      [
        "unit",
        { units: noEnvironment.units ?? [] },
        "/unit (unit flanneld.service)",
      ],
      ["default", {}, "/coreos.com/network (default)"],
    ];
  for (const [name, input, wanted] of cases) {
    await t.step(name, () => {
      assert.equal(shown(discover(input).settings, "etcdPrefix"), wanted);
    });
  }
});

Deno.test("discoverSettings() reads the tutorial's command line", () => {
  const { settings } = discover({
    processes: [
      agent(
        "./flanneld --public-ip=172.26.216.164 " +
          "--etcd-endpoints=https://172.26.216.164:2379,https://172.26.216.163:2379 " +
          "--etcd-keyfile=./cert/client-key.pem --etcd-certfile=./cert/client.pem " +
          "--etcd-cafile=./cert/ca.pem --iface=eth0 --subnet-file=./subnet.env " +
          "--healthz-port=2401",
      ),
    ],
  });
  assert.deepEqual(
    (Object.keys(settings) as (keyof Settings)[])
      .map((name) => `${name} ${shown(settings, name)}`)
      .filter((line) => !line.endsWith("(default)")),
    [
      "store etcd-v2 (flanneld v0.11.0 (pid 812))",
      "etcdEndpoints https://172.26.216.164:2379,https://172.26.216.163:2379 (flanneld (pid 812))",
      "etcdCafile /opt/flannel/cert/ca.pem (flanneld (pid 812))",
      "etcdCertfile /opt/flannel/cert/client.pem (flanneld (pid 812))",
      "etcdKeyfile /opt/flannel/cert/client-key.pem (flanneld (pid 812))",
      "iface eth0 (flanneld (pid 812))",
      "publicIP 172.26.216.164 (flanneld (pid 812))",
      "subnetFile /opt/flannel/subnet.env (flanneld (pid 812))",
      "healthzPort 2401 (flanneld (pid 812))",
    ],
  );
});

Deno.test("discoverSettings() resolves relative paths where they hold", async (t) => {
  const cases: readonly (readonly [string, Partial<DiscoveryInput>, string])[] =
    [
      ["a flag: flandoc's directory", {
        flags: new Map([["etcd-cafile", ["../ca.pem"]]]),
      }, "/ca.pem"],
      ["an agent: its directory", {
        processes: [agent("flanneld --etcd-cafile=./cert/../ca.pem")],
      }, "/opt/flannel/ca.pem"],
      ["an agent in a container: its root", {
        processes: [
          agent("flanneld --etcd-cafile=/ca.pem", {}, {
            root: "/proc/812/root",
          }),
        ],
      }, "/proc/812/root/ca.pem"],
      ["a unit: its directory", {
        units: [unit("flanneld --etcd-cafile ca.pem", { cwd: "/srv" })],
      }, "/srv/ca.pem"],
      ["none", {}, ""],
    ];
  for (const [name, input, wanted] of cases) {
    await t.step(name, () => {
      assert.equal(discover(input).settings.etcdCafile.value, wanted);
    });
  }
});

Deno.test("discoverSettings() takes the host's subnet.env before a container's", () => {
  const input = {
    processes: [
      agent("flanneld --subnet-file=/run/flannel/subnet.env", {}, {
        root: "/proc/812/root",
      }),
    ],
  };
  assert.equal(
    discover({ ...input, exists: (path) => path === "/run/flannel/subnet.env" })
      .settings.subnetFile.value,
    "/run/flannel/subnet.env",
  );
  assert.equal(
    discover(input).settings.subnetFile.value,
    "/proc/812/root/run/flannel/subnet.env",
  );
});

Deno.test("discoverSettings() decides which etcd API is read", async (t) => {
  const v = (version: string | null) => [agent("flanneld", { version })];
  const flandoc = (argv: string) => [agent(argv, { name: "flandoc" })];
  const cases: readonly (readonly [
    name: string,
    input: Partial<DiscoveryInput>,
    store: string,
    decided: boolean,
  ])[] = [
    [
      "v0.11",
      { processes: v("v0.11.0") },
      "etcd-v2 (flanneld v0.11.0 (pid 812))",
      true,
    ],
    [
      "v0.17",
      { processes: v("v0.17.0") },
      "etcd-v2 (flanneld v0.17.0 (pid 812))",
      true,
    ],
    [
      "v0.18",
      { processes: v("v0.18.0") },
      "etcd-v3 (flanneld v0.18.0 (pid 812))",
      true,
    ],
    ["version unknown", { processes: v(null) }, "etcd-v3 (default)", false],
    ["no agent", {}, "etcd-v3 (default)", false],
    [
      "flandoc with a flag",
      { processes: flandoc("flandoc run --etcd-api v2") },
      "etcd-v2 (flandoc (pid 812))",
      true,
    ],
    [
      "flandoc without",
      { processes: flandoc("flandoc run") },
      "etcd-v3 (default)",
      false,
    ],
    [
      "own flag before the agent's version",
      {
        processes: v("v0.11.0"),
        flags: new Map([["etcd-api", ["v3"]]]),
      },
      "etcd-v3 (flag --etcd-api)",
      true,
    ],
    [
      "own variable",
      {
        environment: { FLANDOC_ETCD_API: "v2" },
      },
      "etcd-v2 (environment FLANDOC_ETCD_API)",
      true,
    ],
    [
      "kube-subnet-mgr",
      {
        processes: [
          agent("flanneld --kube-subnet-mgr", { version: "v0.28.9" }),
        ],
      },
      "kubernetes (flanneld (pid 812))",
      true,
    ],
  ];
  for (const [name, input, store, decided] of cases) {
    await t.step(name, () => {
      const found = discover(input);
      assert.equal(shown(found.settings, "store"), store);
      assert.equal(found.storeDecided, decided);
    });
  }
});

Deno.test("discoverSettings() takes a named kubeconfig for Kubernetes", async (t) => {
  const flags = (...given: readonly string[]) =>
    new Map(given.map((text) => {
      const [name = "", value = ""] = text.split("=");
      return [name, [value]] as const;
    }));
  const kubeconfig = flags("kubeconfig-file=/etc/k");
  const etcd = "http://127.0.0.1:2379";
  const cases: readonly (readonly [string, Partial<DiscoveryInput>, string])[] =
    [
      [
        "by flag",
        { flags: kubeconfig },
        "kubernetes (flag --kubeconfig-file)",
      ],
      [
        "an API server by flag",
        { flags: flags("kube-api-url=http://127.0.0.1:8001") },
        "kubernetes (flag --kube-api-url)",
      ],
      ...["FLANDOC", "FLANNELD"].map((prefix) =>
        [
          `by ${prefix}_ variable`,
          { environment: { [`${prefix}_KUBECONFIG_FILE`]: "/etc/k" } },
          `kubernetes (environment ${prefix}_KUBECONFIG_FILE)`,
        ] as const
      ),
      [
        "beside a unit of etcd's, which does not run",
        {
          flags: kubeconfig,
          units: [unit(`/opt/flanneld --etcd-endpoints=${etcd}`)],
        },
        "kubernetes (flag --kubeconfig-file)",
      ],
      [
        "not beside etcd endpoints that are named too",
        { flags: flags("kubeconfig-file=/etc/k", `etcd-endpoints=${etcd}`) },
        "etcd-v3 (default)",
      ],
      [
        "not beside another of etcd's flags",
        {
          flags: kubeconfig,
          environment: { FLANNELD_ETCD_PREFIX: "/my/network" },
        },
        "etcd-v3 (default)",
      ],
      [
        "not beside an agent on etcd",
        { flags: kubeconfig, processes: [agent("flanneld")] },
        "etcd-v2 (flanneld v0.11.0 (pid 812))",
      ],
      [
        "not when Kubernetes is ruled out",
        { flags: flags("kubeconfig-file=/etc/k", "kube-subnet-mgr=false") },
        "etcd-v3 (default)",
      ],
    ];
  for (const [name, input, store] of cases) {
    await t.step(name, () => {
      assert.equal(shown(discover(input).settings, "store"), store);
    });
  }
});

Deno.test("discoverSettings() leaves the store open where nothing tells of one", async (t) => {
  const cases:
    readonly (readonly [string, Partial<DiscoveryInput>, boolean])[] = [
      ["nothing", {}, true],
      [
        "an etcd prefix",
        { environment: { FLANDOC_ETCD_PREFIX: "/my" } },
        false,
      ],
      ["an agent", { processes: [agent("flanneld")] }, false],
      ["a unit", { units: [unit("/opt/flanneld")] }, false],
      ["another program's unit", { units: [unit("/bin/true")] }, true],
      [
        "Kubernetes ruled out",
        { flags: new Map([["kube-subnet-mgr", ["false"]]]) },
        false,
      ],
    ];
  for (const [name, input, isOpen] of cases) {
    await t.step(name, () => assert.equal(discover(input).isOpen, isOpen));
  }
});

Deno.test("discoverSettings() says who reads the config file of this host", async (t) => {
  const kubernetes = agent("flanneld --kube-subnet-mgr");
  const flags = new Map([["net-config-path", ["/etc/n.json"]]]);
  const cases: readonly (readonly [
    string,
    Partial<DiscoveryInput>,
    Discovery["configOwner"],
  ])[] = [
    ["nobody", { flags: new Map([["kube-subnet-mgr", ["true"]]]) }, null],
    ["an agent", { processes: [kubernetes] }, "agent"],
    ["an agent on etcd does not", { processes: [agent("flanneld")] }, null],
    ["a unit", { units: [unit("/opt/flanneld --kube-subnet-mgr")] }, "unit"],
    ["a person's word", { flags, processes: [kubernetes] }, "person"],
  ];
  for (const [name, input, owner] of cases) {
    await t.step(name, () => assert.equal(discover(input).configOwner, owner));
  }
});

Deno.test("discoverSettings() recognises what kube-flannel leaves on a host", async (t) => {
  const mark = "/etc/cni/net.d/10-flannel.conflist";
  const exists = (path: string) => path === mark;
  await t.step("a CNI file", () => {
    assert.equal(
      shown(discover({ exists }).settings, "store"),
      `kubernetes (file ${mark})`,
    );
  });
  await t.step("not when etcd endpoints are named", () => {
    const flags = new Map([["etcd-endpoints", ["http://127.0.0.1:2379"]]]);
    const { settings } = discover({ exists, flags });
    assert.equal(settings.store.value, "etcd-v3");
  });
  await t.step("not when an agent on etcd runs", () => {
    const { settings } = discover({ exists, processes: [agent("flanneld")] });
    assert.equal(settings.store.value, "etcd-v2");
  });
  await t.step("k3s", () => {
    const config = "/var/lib/rancher/k3s/agent/etc/flannel/net-conf.json";
    const k3s = agent("/usr/local/bin/k3s server", { name: "k3s" });
    const { settings } = discover({
      processes: [k3s],
      exists: (path) => path === config,
    });
    assert.equal(shown(settings, "netConfigPath"), `${config} (k3s (pid 812))`);
    assert.equal(settings.store.value, "kubernetes");
  });
});

Deno.test("discoverSettings() reads flanneld-start's own variables", () => {
  const { settings } = discover({
    units: [unit("/usr/bin/flanneld-start --iface=eth1", {
      environment: {
        FLANNEL_ETCD_ENDPOINTS: "http://10.0.0.1:2379",
        FLANNEL_ETCD_PREFIX: "/atomic.io/network",
      },
    })],
  });
  assert.deepEqual(settings.etcdEndpoints.value, ["http://10.0.0.1:2379"]);
  assert.equal(settings.etcdPrefix.value, "/atomic.io/network");
  assert.deepEqual(settings.iface.value, ["eth1"]);
});

Deno.test("discoverSettings() does not ask units when an agent runs", () => {
  const { settings } = discover({
    processes: [agent("flanneld")],
    units: [unit("/opt/flanneld --etcd-prefix=/unit")],
  });
  assert.equal(settings.etcdPrefix.value, "/coreos.com/network");
});

Deno.test("discoverSettings() takes flanneld before flandoc", () => {
  const found = discover({
    processes: [
      agent("flandoc run", { name: "flandoc", pid: 1 }),
      agent("flanneld", { pid: 2 }),
    ],
  });
  assert.equal(found.agent?.facts.pid, 2);
});

Deno.test("discoverSettings() keeps secrets out of the settings", () => {
  const { settings, secrets } = discover({
    processes: [
      agent(
        "flanneld --etcd-endpoints=http://u:hunter2@h:1,http://h:2 " +
          "--etcd-username=root --etcd-password=swordfish",
      ),
    ],
  });
  assert.deepEqual(settings.etcdEndpoints.value, [
    "http://u:***@h:1",
    "http://h:2",
  ]);
  assert.deepEqual(secrets, {
    etcdEndpoints: ["http://u:hunter2@h:1", "http://h:2"],
    etcdPassword: "swordfish",
  });
  assert.ok(!JSON.stringify(settings).includes("swordfish"));
});

Deno.test("discoverSettings() refuses a wrong value of its own flags", async (t) => {
  const cases: readonly (readonly [Partial<DiscoveryInput>, RegExp])[] = [
    [
      { flags: new Map([["healthz-port", ["many"]]]) },
      /^SettingError: Cannot use flag --healthz-port: expected a port, got "many"$/,
    ],
    [
      { flags: new Map([["healthz-port", ["65536"]]]) },
      /^SettingError: Cannot use flag --healthz-port: expected a port, got "65536"$/,
    ],
    [
      { environment: { FLANDOC_IP_MASQ: "maybe" } },
      /^SettingError: Cannot use environment FLANDOC_IP_MASQ: expected a boolean, got "maybe"$/,
    ],
    [
      { flags: new Map([["etcd-api", ["v4"]]]) },
      /^SettingError: Cannot use flag --etcd-api: expected v2 or v3, got "v4"$/,
    ],
  ];
  for (const [input, message] of cases) {
    await t.step(message.source, () => {
      assert.throws(() => discover(input), message);
    });
  }
});

Deno.test("discoverSettings() goes on where flanneld would, past a bad variable", () => {
  const { settings } = discover({
    processes: [
      agent("flanneld", {}, { environment: { FLANNELD_IPTABLES_RESYNC: "x" } }),
    ],
  });
  assert.deepEqual(settings.iptablesResync, { value: 5, source: "default" });
});

Deno.test("withStore() changes the store only", () => {
  const { settings } = discover({});
  const changed = withStore(settings, "etcd-v2", "because");
  assert.deepEqual(changed.store, { value: "etcd-v2", source: "because" });
  assert.deepEqual({ ...changed, store: settings.store }, settings);
});

Deno.test("discoverSettings() takes the agent of the network asked for", async (t) => {
  const processes = [
    agent("flanneld"),
    agent("flanneld --etcd-prefix=/other --subnet-file=/run/other.env", {
      pid: 813,
    }),
  ];
  const cases: [
    string,
    Map<string, string[]>,
    Record<string, string>,
    string,
  ][] = [
    ["nothing", new Map(), {}, "/run/flannel/subnet.env (default)"],
    [
      "a prefix",
      new Map([["etcd-prefix", ["/other"]]]),
      {},
      "/run/other.env (flanneld (pid 813))",
    ],
    [
      "a prefix by variable",
      new Map(),
      { FLANNELD_ETCD_PREFIX: "/other" },
      "/run/other.env (flanneld (pid 813))",
    ],
    [
      "a prefix of neither",
      new Map([["etcd-prefix", ["/third"]]]),
      {},
      "/run/flannel/subnet.env (default)",
    ],
  ];
  for (const [name, flags, environment, file] of cases) {
    await t.step(name, () => {
      const { settings } = discover({ flags, environment, processes });
      assert.equal(shown(settings, "subnetFile"), file);
    });
  }
});
