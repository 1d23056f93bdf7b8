/**
 * How a lab is.
 *
 * @module
 */
import type { Lab } from "./lab.ts";
import type { LabNode } from "./lab_plan.ts";
import { nodeInit } from "./lab_state.ts";
import { runOn } from "./node_command.ts";
import { isAlive } from "./process_stat.ts";

/** One node as it is now. */
export interface NodeStatus {
  readonly name: string;
  readonly address: string;
  readonly subnet: string | null;
  /** Whether its first process lives. */
  readonly running: boolean;
  /** What runs on it, of etcd, flandoc, docker, web. */
  readonly services: readonly string[];
}

/** A lab as it is now. */
export interface LabStatus {
  readonly name: string;
  readonly network: string | null;
  readonly backend: string;
  readonly endpoints: readonly string[];
  readonly cloud: boolean;
  readonly nodes: readonly NodeStatus[];
}

/** Looks at every node. Never throws for a node that is down. */
export async function labStatus(lab: Lab): Promise<LabStatus> {
  const { plan } = lab;
  return {
    name: lab.name,
    network: plan.network,
    backend: plan.backend,
    endpoints: plan.endpoints,
    cloud: plan.spec.cloud,
    nodes: await Promise.all(plan.nodes.map((node) => nodeStatus(lab, node))),
  };
}

async function nodeStatus(lab: Lab, node: LabNode): Promise<NodeStatus> {
  const init = nodeInit(lab.plan, node);
  const running = init !== undefined && isAlive(init);
  return {
    name: node.name,
    address: node.address,
    subnet: node.subnet,
    running,
    services: running ? await services(lab, node) : [],
  };
}

/** Command lines of the node's processes, one a line, words apart by blanks. */
const LIST = "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f; echo; done";

const SIGNS: readonly (readonly [service: string, sign: RegExp])[] = [
  ["etcd", /^etcd /],
  ["flandoc", / run --public-ip=.* --iface=eth0/],
  ["docker", /^dockerd /],
  ["web", /httpd -f -vv -p 80/],
];

async function services(lab: Lab, node: LabNode): Promise<string[]> {
  const { stdout } = await runOn(lab.plan, node, ["sh", "-c", LIST]);
  const lines = stdout.split("\n");
  return SIGNS.filter(([, sign]) => lines.some((line) => sign.test(line)))
    .map(([service]) => service);
}

/** Lines for a terminal. Pure. */
export function renderLabStatus(status: LabStatus): string[] {
  const rows = status.nodes.map((node) => [
    node.name,
    node.address,
    node.subnet ?? "",
    node.running ? node.services.join(", ") || "idle" : "down",
  ]);
  const widths = [0, 1, 2].map((column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length))
  );
  const title = [
    status.name,
    status.backend,
    status.network ?? "no network config",
    `etcd ${status.endpoints.join(",")}`,
    ...status.cloud ? ["cloud switch"] : [],
  ].join(" · ");
  return [
    title,
    ...rows.map((row) =>
      `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}`
        .trimEnd()
    ),
  ];
}
