import { deepStrictEqual } from "node:assert/strict";
import { known } from "../snapshot/fact.ts";
import type { Facts, ProcessFacts } from "../snapshot/facts.ts";
import {
  changed,
  onKubernetes,
  record,
  withConfig,
  withLeases,
  withoutAgent,
  withProcesses,
  withSettings,
} from "../tests/fixtures/changes.ts";
import { healthyFacts } from "../tests/fixtures/healthy.ts";
import { given } from "../tests/support/judged.ts";
import { commandsHere } from "./agent_commands.ts";

const WRITTEN = [
  "cat -A /run/flannel/subnet.env",
  "journalctl -u flanneld | grep -i lease",
  "systemctl restart flanneld",
  "systemctl restart docker",
];

/** The host with its agent another one. */
function withAgent(values: Partial<ProcessFacts>, base?: Facts): Facts {
  return withProcesses(
    (processes) =>
      processes.map((p) => p.name === "flanneld" ? { ...p, ...values } : p),
    base,
  );
}

function withUnits(...names: string[]): Facts {
  const units = names.map((name) => ({
    name,
    files: [],
    restart: null,
    active: null,
  }));
  return changed({ units: known(units) }, withoutAgent());
}

/** What is typed in place of flanneld's name. */
function nameIn(facts: Facts): string | undefined {
  return commandsHere(["systemctl restart flanneld"], facts)[0]?.slice(18);
}

Deno.test("commandsHere() leaves a host with flanneld's service alone", () => {
  deepStrictEqual(commandsHere(WRITTEN, healthyFacts()), WRITTEN);
});

Deno.test("commandsHere() names the agent that runs, not a second one", () => {
  const flandoc = withAgent({
    name: "flandoc",
    argv: ["/usr/local/bin/flandoc", "run", "--iface=eth0"],
    unit: "flandoc.service",
  });
  deepStrictEqual(commandsHere(WRITTEN, flandoc), [
    "cat -A /run/flannel/subnet.env",
    "journalctl -u flandoc | grep -i lease",
    "systemctl restart flandoc",
    "systemctl restart docker",
  ]);
});

Deno.test("commandsHere() finds the agent's service", async (t) => {
  const cases: readonly [string, Facts, string][] = [
    ["of another name", withAgent({ unit: "flannel.service" }), "flannel"],
    [
      "of a snap",
      withAgent({ unit: "snap.microk8s.daemon-flanneld.service" }),
      "snap.microk8s.daemon-flanneld",
    ],
    [
      "a supervisor's is not it",
      withAgent({ unit: "supervisord.service" }),
      "flanneld",
    ],
    [
      "no process, its unit",
      withUnits("flandoc.service", "docker.service"),
      "flandoc",
    ],
    [
      "no process, both units",
      withUnits("flandoc.service", "flanneld.service"),
      "flanneld",
    ],
    [
      "k3s",
      withAgent({
        name: "k3s",
        argv: ["k3s", "agent"],
        unit: "k3s-agent.service",
      }, onKubernetes()),
      "k3s-agent",
    ],
  ];
  for (const [name, facts, wanted] of cases) {
    await t.step(name, () => deepStrictEqual(nameIn(facts), wanted));
  }
});

Deno.test("commandsHere() does not choose between two agents", () => {
  const both = withProcesses((processes) => [
    ...processes,
    {
      ...processes.find(({ name }) => name === "flanneld")!,
      pid: 4711,
      name: "flandoc",
      unit: "flandoc.service",
    },
  ]);
  deepStrictEqual(nameIn(both), "flanneld");
});

Deno.test("commandsHere() speaks of the DaemonSet on Kubernetes, where Docker reads nothing", () => {
  deepStrictEqual(
    commandsHere(WRITTEN, withAgent({ unit: null }, onKubernetes())),
    [
      "cat -A /run/flannel/subnet.env",
      "kubectl -n kube-flannel logs -l app=flannel --tail=-1 | grep -i lease",
      "kubectl -n kube-flannel rollout restart daemonset kube-flannel-ds",
    ],
  );
});

Deno.test("commandsHere() names flandoc's DaemonSet where flandoc is the agent", async (t) => {
  const flandoc = withAgent({ name: "flandoc", unit: null }, onKubernetes());
  deepStrictEqual(
    commandsHere([
      ...WRITTEN,
      "systemctl edit flanneld",
      "kubectl -n kube-flannel edit configmap kube-flannel-cfg",
      "kubectl -n kube-flannel rollout restart daemonset kube-flannel-ds",
    ], flandoc),
    [
      "cat -A /run/flannel/subnet.env",
      "kubectl -n kube-flannel logs -l app=flandoc --tail=-1 | grep -i lease",
      "kubectl -n kube-flannel rollout restart daemonset flandoc",
      "kubectl -n kube-flannel edit daemonset flandoc",
      "kubectl -n kube-flannel edit configmap kube-flannel-cfg",
      "kubectl -n kube-flannel rollout restart daemonset flandoc",
    ],
  );
  const one = (facts: Facts) =>
    commandsHere(["systemctl restart flanneld"], facts)[0];
  await t.step("not where flanneld runs beside it", () => {
    const both = withProcesses((processes) => [
      ...processes,
      {
        ...processes.find(({ name }) => name === "flandoc")!,
        pid: 4711,
        name: "flanneld",
      },
    ], flandoc);
    deepStrictEqual(
      one(both),
      "kubectl -n kube-flannel rollout restart daemonset kube-flannel-ds",
    );
  });
  await t.step("where none runs, the unit that would", () => {
    const facts = withoutAgent(onKubernetes());
    const settings = given(facts, "settings");
    const kubeSubnetMgr = { value: true, source: "unit flandoc.service" };
    deepStrictEqual(
      one(changed({ settings: known({ ...settings, kubeSubnetMgr }) }, facts)),
      "systemctl restart flandoc",
    );
  });
});

Deno.test("commandsHere() gives kubectl none of journalctl's options", () => {
  const facts = withAgent({ unit: null }, onKubernetes());
  deepStrictEqual(commandsHere(["journalctl -u flanneld -n 50"], facts), [
    "kubectl -n kube-flannel logs -l app=flannel --tail=-1",
  ]);
});

Deno.test("commandsHere() has a restart wait for the store", () => {
  const facts = healthyFacts();
  const endpoints = given(facts, "endpoints").map((endpoint) => ({
    ...endpoint,
    reachable: false,
  }));
  deepStrictEqual(
    commandsHere(WRITTEN, changed({ endpoints: known(endpoints) }, facts))[2],
    "systemctl restart flanneld   # once the store answers: the agent does not start without",
  );
});

Deno.test("commandsHere() takes no subnet from its owner", () => {
  const start = (facts: Facts) =>
    commandsHere(["systemctl start flanneld"], facts);
  const taken = withoutAgent(withLeases((records) => [
    record("172.7.21.0-24", "192.168.1.99"),
    ...records.slice(1),
  ]));
  deepStrictEqual(start(taken), [
    "systemctl start flanneld   # not before FD213 is settled: flanneld would take the subnet from its owner",
  ]);
  deepStrictEqual(start(withoutAgent()), ["systemctl start flanneld"]);
  // From v0.18 on, which reads the v3 API, only a free one is taken.
  const newer = withSettings({ store: "etcd-v3" }, taken);
  deepStrictEqual(start(newer), ["systemctl start flanneld"]);
});

Deno.test("commandsHere() starts no agent that would find no subnet", async (t) => {
  const start = (facts: Facts) =>
    commandsHere(["systemctl start flanneld"], facts);
  // Room for two subnets, 172.7.22.0/24 and 172.7.23.0/24, which peers have.
  const config =
    '{"Network":"172.7.0.0/16","SubnetMin":"172.7.22.0","SubnetMax":"172.7.23.0","Backend":{"Type":"host-gw"}}';
  const full = withConfig(config, withoutAgent());
  await t.step("whose lease does not fit", () => {
    deepStrictEqual(start(full), [
      "systemctl start flanneld   # not before a subnet is free (FD207): the agent gives up its lease, then ends",
    ]);
  });
  await t.step("that has no lease", () => {
    const bare = withLeases((records) => records.slice(1), full);
    deepStrictEqual(start(bare), [
      "systemctl start flanneld   # once a subnet is free (FD108): the agent does not start without",
    ]);
  });
  await t.step("where one is free", () => {
    const free = withLeases((records) => records.slice(0, 2), full);
    deepStrictEqual(start(free), ["systemctl start flanneld"]);
  });
  await t.step("in Kubernetes, which gives them out", () => {
    const [line = ""] = start(onKubernetes(full));
    deepStrictEqual(line.includes("#"), false);
  });
});
