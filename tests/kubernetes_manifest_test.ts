import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { KubeOwnNode } from "../agent/kube_own_node.ts";
import { KubeSubnetManager } from "../agent/kube_subnet_manager.ts";
import { agentOptions } from "../agent/options.ts";
import { commandsHere } from "../checks/agent_commands.ts";
import { parseFlags } from "../flannel/flags.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import { annotationNames } from "../stores/kubernetes/annotations.ts";
import { KubernetesClient } from "../stores/kubernetes/client.ts";
import { onKubernetes, withProcesses } from "./fixtures/changes.ts";
import { eventually } from "./support/agents.ts";
import { FakeKubeApi } from "./support/kube_api.ts";
import { quietLog } from "./support/quiet_log.ts";
import { VERSION } from "../version.ts";

const ROOT = new URL("..", import.meta.url);

interface Named {
  readonly name: string;
}

interface Container extends Named {
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly (Named & {
    readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } };
  })[];
  readonly securityContext: {
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation: boolean;
    readonly capabilities: {
      readonly drop: readonly string[];
      readonly add?: readonly string[];
    };
  };
  readonly readinessProbe: {
    readonly httpGet: {
      readonly host: string;
      readonly port: number;
      readonly path: string;
    };
  };
  readonly volumeMounts: readonly (Named & { readonly mountPath: string })[];
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly hostNetwork: boolean;
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly (Named & {
    readonly configMap?: Named;
    readonly hostPath?: { readonly path: string };
  })[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: Named & { readonly namespace?: string };
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
  readonly roleRef: Named;
  readonly subjects: readonly Named[];
  readonly data: Readonly<Record<string, string>>;
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: PodSpec;
    };
  };
}

const TEXT = Deno.readTextFileSync(
  new URL("docs/kubernetes/flandoc.yml", ROOT),
);

const MANIFESTS: readonly Manifest[] = parseAllDocuments(TEXT)
  .map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS();
  }).filter((manifest) => manifest !== null);

function manifest(kind: string): Manifest {
  const found = MANIFESTS.filter((one) => one.kind === kind);
  assert.equal(found.length, 1, `${kind}: ${found.length}`);
  return found[0]!;
}

const POD = manifest("DaemonSet").spec.template.spec;
const AGENT = POD.containers[0]!;

function optionsOf(container: Container) {
  const flags = parseFlags(container.args);
  assert.deepEqual(flags.problems, []);
  return agentOptions(flags.values, { NODE_NAME: "n" });
}

/** Runs the agent's part in Kubernetes through all that may happen to a node. */
async function requestsOf(): Promise<string[]> {
  await using api = new FakeKubeApi();
  api.addNode("n", { podCIDRs: ["10.244.1.0/24"] });
  const client = new KubernetesClient({
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
  const log = quietLog();
  const { kubernetes } = optionsOf(AGENT);
  const netConfigPath = Deno.makeTempFileSync();
  Deno.writeTextFileSync(
    netConfigPath,
    manifest("ConfigMap").data["net-conf.json"] ?? "",
  );
  const manager = new KubeSubnetManager({
    client,
    node: new KubeOwnNode(client, kubernetes),
    names: annotationNames(kubernetes.annotationPrefix),
    log,
    netConfigPath,
    setNodeNetworkUnavailable: kubernetes.setNodeNetworkUnavailable,
    flannelVersion: "0.28.9",
  });
  const stop = new AbortController();
  const { signal } = stop;
  try {
    const config = await manager.config(signal);
    await manager.publicAddresses(signal);
    const request = {
      config,
      identity: { publicIP: "192.0.2.1", publicIPv6: null },
      attributes: () => ({
        publicIP: "192.0.2.1",
        publicIPv6: null,
        backendType: "vxlan",
        backendData: { VNI: 1, VtepMAC: "aa:bb:cc:dd:ee:ff" },
        backendV6Data: null,
      }),
      previous: null,
    };
    const own = await manager.acquire(request, signal);
    const seen: string[] = [];
    const running = manager.run(
      request,
      own,
      (event) => void seen.push(event.type),
      signal,
    );
    await eventually(() => api.watches, (watches) => watches > 0);
    api.deleteNode("n");
    await eventually(() => seen, (types) => types.includes("lost"));
    api.addNode("n", { podCIDRs: ["10.244.2.0/24"] });
    await eventually(() => seen, (types) => types.includes("own"));
    api.compact();
    api.closeWatches();
    await eventually(
      () => api.node("n").status.conditions,
      (list) => list.some(({ type }) => type === "NetworkUnavailable"),
    );
    stop.abort();
    await running;
    return api.rules();
  } finally {
    stop.abort();
    manager.close();
    Deno.removeSync(netConfigPath);
  }
}

Deno.test("flandoc.yml allows exactly what the agent asks for", async () => {
  const { rules } = manifest("ClusterRole");
  for (const { apiGroups } of rules) assert.deepEqual(apiGroups, [""]);
  const allowed = rules.flatMap(({ resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`))
  ).sort();
  assert.deepEqual(allowed, await requestsOf());
});

Deno.test("flandoc.yml binds the role to the DaemonSet's account", () => {
  const binding = manifest("ClusterRoleBinding");
  const account = manifest("ServiceAccount").metadata;
  assert.equal(binding.roleRef.name, manifest("ClusterRole").metadata.name);
  assert.deepEqual(binding.subjects, [{ kind: "ServiceAccount", ...account }]);
  assert.equal(POD.serviceAccountName, account.name);
  const { name } = manifest("Namespace").metadata;
  for (const { metadata } of MANIFESTS) {
    assert.equal(metadata.namespace ?? name, name);
  }
});

Deno.test("flandoc.yml starts the agent with flags that it has", () => {
  assert.deepEqual(AGENT.command, ["flandoc", "run"]);
  assert.equal(AGENT.image, `flandoc:${VERSION}`);
  const options = optionsOf(AGENT);
  assert.equal(options.store, "kubernetes");
  assert.equal(options.ipMasq, true);
  const probe = AGENT.readinessProbe.httpGet;
  assert.deepEqual(
    [probe.host, probe.port, probe.path],
    [options.healthzIP, options.healthzPort, "/readyz"],
  );
  const nodeName = AGENT.env.find(({ name }) => name === "NODE_NAME");
  assert.equal(nodeName?.valueFrom.fieldRef.fieldPath, "spec.nodeName");
});

Deno.test("flandoc.yml gives no more than NET_ADMIN and NET_RAW", () => {
  assert.equal(POD.hostNetwork, true);
  for (
    const { securityContext } of [...POD.containers, ...POD.initContainers]
  ) {
    assert.equal(securityContext.privileged, undefined);
    assert.equal(securityContext.allowPrivilegeEscalation, false);
    assert.deepEqual(securityContext.capabilities.drop, ["ALL"]);
  }
  assert.deepEqual(
    AGENT.securityContext.capabilities.add,
    ["NET_ADMIN", "NET_RAW"],
  );
  assert.equal(
    POD.initContainers[0]?.securityContext.capabilities.add,
    undefined,
  );
});

Deno.test("flandoc.yml mounts what the agent reads and writes", () => {
  const options = optionsOf(AGENT);
  const mounts = new Map(
    AGENT.volumeMounts.map(({ name, mountPath }) => [mountPath, name]),
  );
  const parent = (path: string) => path.replace(/\/[^/]*$/, "");
  const volume = (path: string) =>
    POD.volumes.find(({ name }) => name === mounts.get(path));
  const config = volume(parent(options.kubernetes.netConfigPath));
  assert.equal(config?.configMap?.name, manifest("ConfigMap").metadata.name);
  assert.ok(
    options.kubernetes.netConfigPath.endsWith("/net-conf.json") &&
      "net-conf.json" in manifest("ConfigMap").data,
  );
  // The CNI plugin reads subnet.env on the host, at the same place.
  const run = parent(options.subnetFile);
  assert.equal(volume(run)?.hostPath?.path, run);
  assert.equal(
    volume("/run/xtables.lock")?.hostPath?.path,
    "/run/xtables.lock",
  );
});

Deno.test("flandoc.yml has the names that commands in findings use", () => {
  const facts = withProcesses(
    (processes) =>
      processes.map((p) =>
        p.name === "flanneld" ? { ...p, name: "flandoc", unit: null } : p
      ),
    onKubernetes(),
  );
  const { metadata, spec } = manifest("DaemonSet");
  const space = metadata.namespace;
  const { app } = spec.template.metadata.labels;
  assert.deepEqual(
    commandsHere(
      ["systemctl restart flanneld", "journalctl -u flanneld"],
      facts,
    ),
    [
      `kubectl -n ${space} rollout restart daemonset ${metadata.name}`,
      `kubectl -n ${space} logs -l app=${app} --tail=-1`,
    ],
  );
});

Deno.test("flandoc.yml has a config that the agent takes", () => {
  const { data } = manifest("ConfigMap");
  const { config, problems } = parseNetworkConfig(data["net-conf.json"] ?? "", {
    store: "kubernetes",
  });
  assert.deepEqual(problems, []);
  assert.equal(config?.backendType, "vxlan");
  const cni = JSON.parse(data["cni-conf.json"] ?? "");
  assert.equal(cni.plugins[0].type, "flannel");
});
