import assert from "node:assert/strict";
import { known } from "../../snapshot/fact.ts";
import type {
  Facts,
  HealthFacts,
  ProcessFacts,
  UnitFacts,
} from "../../snapshot/facts.ts";
import {
  changed,
  type SettingValues,
  withoutAgent,
  withProcesses,
  withSettings,
  withSubnetEnv,
} from "../../tests/fixtures/changes.ts";
import { fixtureFile } from "../../tests/fixtures/healthy.ts";
import { withRoutes } from "../../tests/fixtures/routes.ts";
import { judged, sentences } from "../../tests/support/judged.ts";
import { AGENT_DUPLICATE } from "./agent_duplicate.ts";
import { AGENT_FLAGS } from "./agent_flags.ts";
import { AGENT_NOT_RUNNING } from "./agent_not_running.ts";
import { AGENT_UNHEALTHY } from "./agent_unhealthy.ts";
import { execWords } from "./exec_words.ts";

function process(
  name: string,
  argv: readonly string[],
  values: Partial<ProcessFacts> = {},
): ProcessFacts {
  return {
    pid: 4711,
    name,
    argv,
    environment: {},
    started: "2026-11-22T05:50:01Z",
    unit: null,
    version: null,
    cwd: "/",
    ...values,
  };
}

/** The facts with these processes besides dockerd. */
function agents(...more: ProcessFacts[]): Facts {
  return withProcesses(
    (processes) => [...processes, ...more],
    withoutAgent(),
  );
}

/** The healthy flanneld with other words or variables. */
function flanneld(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Facts {
  return withProcesses((processes) =>
    processes.map((each) =>
      each.name === "flanneld"
        ? { ...each, argv: ["flanneld", ...argv], environment }
        : each
    )
  );
}

function unit(text: string, values: Partial<UnitFacts> = {}): UnitFacts {
  return {
    name: "flanneld.service",
    files: [fixtureFile("/etc/systemd/system/flanneld.service", text)],
    restart: null,
    active: "inactive",
    ...values,
  };
}

Deno.test("FD801 finds that no agent runs", () => {
  const facts = changed({
    units: known([unit("", { restart: "on-failure" })]),
  }, withoutAgent());
  assert.deepEqual(judged(AGENT_NOT_RUNNING, facts).lines, [
    "error default: flanneld.service",
    "  file /etc/systemd/system/flanneld.service Restart=on-failure inactive",
    "  file /run/flannel/subnet.env (2026-11-22T05:50:03Z)",
    "  $ journalctl -u flanneld -n 50",
    "  $ systemctl start flanneld",
  ]);
  assert.deepEqual(sentences(AGENT_NOT_RUNNING, facts), [
    "No flannel agent runs on this host. What it made goes on working (subnet.env is of 2026-11-22T05:50:03Z), except with the udp backend, where the agent carries every packet itself; its lease is not renewed and changes of other hosts are not followed.",
  ]);
});

Deno.test("FD801 knows a host where none ever ran", () => {
  const facts = withSubnetEnv(null, {}, withoutAgent());
  assert.deepEqual(sentences(AGENT_NOT_RUNNING, facts), [
    "No flannel agent runs on this host and none has written /run/flannel/subnet.env: the host has no subnet.",
  ]);
});

Deno.test("FD801 takes flandoc and programs with flannel inside for agents", async (t) => {
  const cases: readonly (readonly [ProcessFacts, string])[] = [
    [process("flandoc", ["flandoc", "run"]), "ok"],
    [process("k3s", ["/usr/local/bin/k3s", "server"]), "ok"],
    [process("rke2", ["/usr/local/bin/rke2", "agent"]), "ok"],
    [process("k3s", ["k3s", "server", "--flannel-backend=none"]), "failed"],
    [process("k3s", ["k3s", "server", "--flannel-backend", "none"]), "failed"],
    [process("rke2", ["rke2", "server", "--cni=calico"]), "failed"],
    [process("kubelet", ["kubelet"]), "failed"],
  ];
  for (const [agent, verdict] of cases) {
    await t.step(agent.argv.join(" "), () => {
      assert.equal(judged(AGENT_NOT_RUNNING, agents(agent)).verdict, verdict);
    });
  }
});

function health(values: Partial<HealthFacts> | null): Facts {
  const url = "http://127.0.0.1:2401/healthz";
  const answer = { url, status: null, body: null, error: null };
  return changed({
    health: known(values === null ? null : { ...answer, ...values }),
  });
}

Deno.test("FD802 finds an agent that does not answer, or says it is not well", () => {
  const silent = health({ error: "connection refused" });
  assert.deepEqual(judged(AGENT_UNHEALTHY, silent).lines, [
    "error silent: http://127.0.0.1:2401/healthz",
    "  answer connection refused",
    "  $ curl -i http://127.0.0.1:2401/healthz",
  ]);
  const ill = health({ status: 503, body: "lease expired\n" });
  assert.deepEqual(judged(AGENT_UNHEALTHY, ill).lines.slice(0, 2), [
    "error default: http://127.0.0.1:2401/healthz",
    "  answer HTTP 503 lease expired",
  ]);
  assert.deepEqual(sentences(AGENT_UNHEALTHY, ill), [
    "The agent answers 503 at http://127.0.0.1:2401/healthz.",
  ]);
});

Deno.test("FD802 does not apply without a health port", () => {
  assert.equal(
    judged(AGENT_UNHEALTHY, health(null)).verdict,
    "skipped: no-port",
  );
});

Deno.test("FD803 finds flags that a word in between hides", () => {
  const facts = flanneld(["--ip-masq", "true", "--iface=eth0", "-v=3"]);
  assert.deepEqual(sentences(AGENT_FLAGS, facts), [
    "flanneld stops reading its command line at the word true: it ignores --iface=eth0, -v=3.",
  ]);
  assert.deepEqual(judged(AGENT_FLAGS, facts).lines, [
    "error ignored: flanneld 812",
    "  process 812 flanneld --ip-masq true --iface=eth0 -v=3",
  ]);
});

Deno.test("FD803 finds a blank in the endpoints, kept and as a word of its own", () => {
  const kept = flanneld(["--etcd-endpoints=http://a:2379, http://b:2379"]);
  assert.deepEqual(sentences(AGENT_FLAGS, kept), [
    'The etcd endpoints have a blank after a comma; flanneld keeps it, and the endpoint " http://b:2379" cannot be reached.',
  ]);
  const split = flanneld([
    "--etcd-endpoints=http://a:2379,",
    "http://b:2379",
    "--iface=eth0",
  ]);
  assert.equal(
    sentences(AGENT_FLAGS, split)[0],
    "flanneld stops reading its command line at the word http://b:2379: it ignores --iface=eth0.",
  );
});

Deno.test("FD803 mentions variables that flanneld does not read", () => {
  const facts = flanneld([], {
    FLANNELD_ETCD_ENDPOINT: "http://a:2379",
    FLANNELD_IFACE: "eth0",
    FLANNELD_COLOUR_OF_THE_HOUSE: "red",
  });
  assert.deepEqual(judged(AGENT_FLAGS, facts).lines, [
    "info variable-misspelt: FLANNELD_ETCD_ENDPOINT",
    "  process 812 FLANNELD_ETCD_ENDPOINT=http://a:2379",
    "info variable: FLANNELD_COLOUR_OF_THE_HOUSE",
    "  process 812 FLANNELD_COLOUR_OF_THE_HOUSE=red",
  ]);
  assert.equal(
    sentences(AGENT_FLAGS, facts)[0],
    "The environment variable FLANNELD_ETCD_ENDPOINT is none of flanneld's and has no effect; FLANNELD_ETCD_ENDPOINTS is one.",
  );
});

Deno.test("FD803 does not doubt single flags of a flanneld that runs", () => {
  const facts = flanneld(["--some-flag-of-a-fork=1", "--iface=eth0"]);
  assert.equal(judged(AGENT_FLAGS, facts).verdict, "ok");
});

Deno.test("FD803 reads the unit of a flanneld that does not run", async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    [
      "--etcd-endpoint=http://a:2379",
      "flanneld has no flag --etcd-endpoint, it has --etcd-endpoints: it prints its usage and ends with exit status 0.",
    ],
    [
      "--frobnicate-everything",
      "flanneld has no flag --frobnicate-everything: it prints its usage and ends with exit status 0.",
    ],
    [
      "--healthz-port=many",
      "flanneld does not take many for --healthz-port: it prints its usage and ends with exit status 0.",
    ],
    [
      "--iface",
      "--iface has no value: flanneld prints its usage and ends.",
    ],
    [
      "--ip-masq true --iface=eth0",
      "flanneld stops reading its command line at the word true: it ignores --iface=eth0.",
    ],
  ];
  for (const [words, sentence] of cases) {
    await t.step(words, () => {
      const units = known([
        unit(`[Service]\nExecStart=/opt/flannel/flanneld ${words}\n`),
      ]);
      const stopped = changed({ units }, withoutAgent());
      assert.deepEqual(sentences(AGENT_FLAGS, stopped), [sentence]);
      assert.equal(judged(AGENT_FLAGS, changed({ units })).verdict, "ok");
    });
  }
});

Deno.test("FD803 does not guess what a variable in a unit stands for", () => {
  const units = known([
    unit("[Service]\nExecStart=/opt/flannel/flanneld $FLANNEL_OPTIONS\n"),
  ]);
  const facts = changed({ units }, withoutAgent());
  assert.equal(judged(AGENT_FLAGS, facts).verdict, "ok");
});

Deno.test("FD803 finds values that flanneld ends with", async (t) => {
  const cases: readonly (readonly [SettingValues, string | undefined])[] = [
    [
      { iface: ["eth9"] },
      "No interface is called eth9 or has that address: flanneld ends at start, as it finds no interface to use.",
    ],
    [
      { iface: ["eth9", "10.9.9.9"] },
      "No interface is called eth9, 10.9.9.9 or has that address: flanneld ends at start, as it finds no interface to use.",
    ],
    [{ iface: ["eth9", "eth0"] }, undefined],
    [{ iface: ["192.168.1.10"] }, undefined],
    [{ iface: ["eth9"], ifaceRegex: ["^eth"] }, undefined],
    [{ iface: ["eth9"], ifaceCanReach: "192.168.1.11" }, undefined],
    [
      { iface: [], ifaceRegex: ["^wl", "("] },
      "No interface here is what --iface-regex=^wl, --iface-regex=( asks for: flanneld ends at start (Failed to find interface to use that matches the interfaces and/or regexes provided; --iface-regex=( is no regular expression).",
    ],
    [{ iface: [], ifaceRegex: ["(?i)^ETH"] }, undefined],
    [
      { iface: [], ifaceCanReach: "nonsense" },
      "No interface here is what --iface-can-reach=nonsense asks for: flanneld ends at start (Failed to find interface to use that matches the interfaces and/or regexes provided).",
    ],
    // flanneld before v0.12, as here, goes by the default route then.
    [{ iface: [], publicIP: "203.0.113.5" }, undefined],
    [{ publicIP: "203.0.113.5", iface: ["eth0"] }, undefined],
    [
      { subnetLeaseRenewMargin: 1440 },
      "--subnet-lease-renew-margin=1440 is outside 1 to 1439 minutes: flanneld ends at start.",
    ],
    [{ subnetLeaseRenewMargin: 1439 }, undefined],
    [
      { subnetLeaseRenewMargin: 0 },
      "--subnet-lease-renew-margin=0 is outside 1 to 1439 minutes: flanneld ends at start.",
    ],
    [
      { publicIP: "node-1" },
      "--public-ip=node-1 is not an IP address: flanneld ends at start.",
    ],
    [{ publicIP: "" }, undefined],
  ];
  for (const [values, wanted] of cases) {
    await t.step(JSON.stringify(values), () => {
      assert.equal(sentences(AGENT_FLAGS, withSettings(values))[0], wanted);
    });
  }
});

Deno.test("FD803 finds that no default route tells the interface", () => {
  const facts = withRoutes(
    withSettings({ iface: [], publicIP: "" }),
    (routes) => routes.filter(({ dst }) => dst !== "0.0.0.0/0"),
  );
  assert.deepEqual(sentences(AGENT_FLAGS, facts), [
    "flanneld, started anew, would end, for want of an interface: Cannot choose an interface: no default route.",
  ]);
  // Nobody knows how an agent that is away would be started.
  assert.equal(judged(AGENT_FLAGS, withoutAgent(facts)).verdict, "ok");
  const told = withSettings({ iface: ["eth0"] }, facts);
  assert.equal(judged(AGENT_FLAGS, told).verdict, "ok");
});

Deno.test("FD803 says where a value comes from", () => {
  const facts = withSettings({ iface: ["eth9"] });
  assert.deepEqual(judged(AGENT_FLAGS, facts).lines, [
    "error iface: --iface=eth9",
    "  config --iface=eth9 (flanneld (pid 812))",
    "  $ ip -br address",
  ]);
});

Deno.test("FD804 finds agents that share a network", async (t) => {
  const endpoints = "--etcd-endpoints=http://a:2379,http://b:2379";
  const one = process("flanneld", ["flanneld", endpoints], { pid: 1 });
  const cases: readonly (readonly [string, ProcessFacts[], boolean])[] = [
    ["one", [one], false],
    [
      "two flanneld of one prefix",
      [
        one,
        process("flanneld", [
          "flanneld",
          "--etcd-endpoints=http://b:2379",
          "--subnet-file=/run/b.env",
        ]),
      ],
      true,
    ],
    [
      "one file",
      [one, process("flanneld", ["flanneld", "--etcd-prefix=/other"])],
      true,
    ],
    [
      "two networks",
      [
        one,
        process("flanneld", [
          "flanneld",
          endpoints,
          "--etcd-prefix=/other",
          "--subnet-file=/run/b.env",
        ]),
      ],
      false,
    ],
    [
      "one prefix in two clusters",
      [
        one,
        process("flanneld", [
          "flanneld",
          "--etcd-endpoints=http://c:2379",
          "--subnet-file=/run/b.env",
        ]),
      ],
      false,
    ],
    [
      "two networks by variables",
      [
        one,
        process("flanneld", ["flanneld", endpoints], {
          environment: {
            FLANNELD_ETCD_PREFIX: "/other",
            FLANNELD_SUBNET_FILE: "/run/b.env",
          },
        }),
      ],
      false,
    ],
    [
      "flanneld and flandoc",
      [one, process("flandoc", ["flandoc", "run", endpoints])],
      true,
    ],
    [
      "flanneld in Kubernetes mode and k3s",
      [
        process("flanneld", [
          "flanneld",
          "--kube-subnet-mgr",
          "--subnet-file=/run/b.env",
        ]),
        process("k3s", ["k3s", "server"]),
      ],
      true,
    ],
    [
      "k3s without flannel",
      [
        process("flanneld", ["flanneld", "--kube-subnet-mgr"]),
        process("k3s", ["k3s", "server", "--flannel-backend=none"]),
      ],
      false,
    ],
    [
      "flannel's pod on RKE2",
      [
        process("flanneld", ["flanneld", "--kube-subnet-mgr"]),
        process("rke2", ["rke2", "server"]),
      ],
      false,
    ],
  ];
  for (const [name, processes, clash] of cases) {
    await t.step(name, () => {
      const { verdict } = judged(AGENT_DUPLICATE, agents(...processes));
      assert.equal(verdict, clash ? "failed" : "ok");
    });
  }
});

Deno.test("FD804 names the agents", () => {
  const facts = agents(
    process("flanneld", ["flanneld"], { pid: 1 }),
    process("flandoc", ["flandoc", "run"], { pid: 2 }),
  );
  assert.deepEqual(judged(AGENT_DUPLICATE, facts).lines, [
    "error: flanneld 1, flandoc 2",
    "  process 1 flanneld",
    "  process 2 flandoc run",
    "  $ systemctl status 1",
    "  $ systemctl status 2",
  ]);
  assert.deepEqual(sentences(AGENT_DUPLICATE, facts), [
    "2 agents keep the same network on this host: flanneld (1), flandoc (2). They overwrite each other's lease, subnet.env and rules.",
  ]);
});

Deno.test("execWords() gives the words of the command in force", async (t) => {
  const cases: readonly (readonly [string, readonly string[] | null])[] = [
    ["[Service]\nRestart=always\n", null],
    ["ExecStart=/bin/a --x=1\n", ["/bin/a", "--x=1"]],
    ["ExecStart=-/bin/a \\\n  --x=1 \\\n  --y\n", ["/bin/a", "--x=1", "--y"]],
    ['ExecStart=/bin/a "--x=1 2"\n', ["/bin/a", "--x=1 2"]],
    ["ExecStart=/bin/a\nExecStart=\nExecStart=/bin/b\n", ["/bin/b"]],
  ];
  for (const [text, words] of cases) {
    await t.step(JSON.stringify(text), () => {
      assert.deepEqual(execWords(unit(text)), words);
    });
  }
});
