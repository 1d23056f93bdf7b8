/**
 * A node: one machine of the practice network.
 *
 * @module
 */
import { builderEnvironment } from "./builders.ts";
import type { LabNode, LabPlan } from "./lab_plan.ts";
import { nodeDirectory, nodeInit } from "./lab_state.ts";
import { NODE_SCRIPT } from "./node_script.ts";
import { isAlive } from "./process_stat.ts";
import { mustRun } from "./run.ts";
import { waitFor } from "./wait_for.ts";

/**
 * Starts the first process of a node and waits until the node has its name,
 * its files and its address. The network namespace with `eth0` must exist.
 *
 * @throws {Error} with what the first process said when it ended.
 */
export async function startNode(
  plan: LabPlan,
  node: LabNode,
  signal?: AbortSignal,
): Promise<void> {
  const directory = nodeDirectory(plan, node);
  Deno.mkdirSync(directory, { mode: 0o700 });
  Deno.writeTextFileSync(`${directory}/init.sh`, NODE_SCRIPT);
  await mustRun(startCommand(plan, node, directory), {
    env: builderEnvironment(plan.spec.name),
    ...(signal ? { signal } : {}),
  });
  await waitFor(`node ${node.name} to start`, () => {
    if (exists(`${directory}/ready`)) return true;
    const init = nodeInit(plan, node);
    if (init === undefined || isAlive(init)) return false;
    throw new Error(
      `Cannot start node ${node.name}: ${
        Deno.readTextFileSync(`${directory}/init.log`).trim()
      }`,
    );
  }, { timeoutMs: 60_000, ...(signal ? { signal } : {}) });
}

/**
 * `setsid` keeps a Ctrl-C in the terminal from ending the nodes one by one
 * before the lab takes them down in order.
 */
function startCommand(
  plan: LabPlan,
  node: LabNode,
  directory: string,
): string[] {
  return [
    "env",
    "-i",
    "-C",
    directory,
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ...Object.entries(builderEnvironment(plan.spec.name))
      .map(([key, value]) => `${key}=${value}`),
    "setsid",
    "--fork",
    "sh",
    "-c",
    'exec "$@" </dev/null >init.log 2>&1',
    "sh",
    "nsenter",
    `--net=/run/netns/${node.netns}`,
    ...["unshare", "--mount", "--uts", "--pid", "--fork"],
    ...["sh", "init.sh", node.name, node.address, node.gateway],
    String(plan.spec.mtu),
    // Docker sets the FORWARD policy to DROP only if it turns forwarding on.
    plan.spec.containers === "docker" ? "0" : "1",
    plan.nodes.map(({ address, name }) => `${address} ${name}`).join("\n"),
  ];
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
