/**
 * Commands on a node.
 *
 * @module
 */
import { CERT_FILES } from "./certificates.ts";
import type { LabNode, LabPlan } from "./lab_plan.ts";
import { nodePid } from "./node_pid.ts";
import { mustRun, type Output, run, type RunOptions } from "./run.ts";

/**
 * A node by name.
 *
 * @throws {RangeError} naming the nodes there are.
 */
export function findNode(plan: LabPlan, name: string): LabNode {
  const node = plan.nodes.find((candidate) => candidate.name === name);
  if (node !== undefined) return node;
  throw new RangeError(
    `Cannot find node "${name}" in lab "${plan.spec.name}": it has ${
      plan.nodes.map((each) => each.name).join(", ")
    }`,
  );
}

/** The command line that runs a command on a node, from this machine. */
export function nodeCommand(
  plan: LabPlan,
  node: LabNode,
  argv: readonly string[],
): string[] {
  const target = nodePid(plan, node);
  return [
    "nsenter",
    `--target=${target}`,
    "--mount",
    "--uts",
    "--net",
    "--pid",
    "env",
    ...Object.entries(nodeEnvironment(plan)).map(([k, v]) => `${k}=${v}`),
    ...argv,
  ];
}

/**
 * Variables commands get on a node: `flandoc` by name, and what `etcdctl` needs
 * to find the network's etcd.
 */
export function nodeEnvironment(plan: LabPlan): Record<string, string> {
  const { api, tls } = plan.spec.etcd;
  const { cafile, certfile, keyfile } = CERT_FILES;
  const names = api === "v2"
    ? ["ETCDCTL_CA_FILE", "ETCDCTL_CERT_FILE", "ETCDCTL_KEY_FILE"]
    : ["ETCDCTL_CACERT", "ETCDCTL_CERT", "ETCDCTL_KEY"];
  const [ca = "", cert = "", key = ""] = names;
  return {
    PATH:
      "/opt/flannel:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ETCDCTL_API: api.slice(1),
    ETCDCTL_ENDPOINTS: plan.endpoints.join(","),
    ...(tls ? { [ca]: cafile, [cert]: certfile, [key]: keyfile } : {}),
  };
}

/** Runs a command on a node and answers whatever it gave. */
export function runOn(
  plan: LabPlan,
  node: LabNode,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Output> {
  return run(nodeCommand(plan, node, argv), options);
}

/** Runs a command on a node that has to succeed; answers its output. */
export function mustRunOn(
  plan: LabPlan,
  node: LabNode,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const shown = `${node.name}: ${argv.join(" ")}`;
  return mustRun(nodeCommand(plan, node, argv), { shown, ...options });
}
