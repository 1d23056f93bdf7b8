/**
 * Taking a lab down, whatever state it is in.
 *
 * @module
 */
import { endBuilders } from "./builders.ts";
import type { LabPlan } from "./lab_plan.ts";
import { labDirectory, nodeInit, readLabPlan } from "./lab_state.ts";
import { killProcess } from "./process_stat.ts";
import { run } from "./run.ts";
import { removeCgroups } from "./cgroups.ts";
import { unmountBelow } from "./mounts.ts";
import { settleAll } from "./settle_all.ts";

/**
 * Removes a lab and everything in it: processes, containers, mounts, network
 * namespaces, cgroups, files. Works on one that was killed half-way, and does
 * nothing when there is none.
 *
 * Every process of a node is in a process namespace, which the kernel empties
 * when its first process ends; so that one, by number and start time, is all
 * that has to be ended, and the node's mounts go with it. What a run that was
 * killed had started, and still makes something, is ended before.
 *
 * @returns Whether there was such a lab.
 */
export async function labDown(name: string): Promise<boolean> {
  const directory = labDirectory(name);
  if (!exists(directory)) return false;
  const plan = readLabPlan(name);
  await endBuilders(name);
  if (plan !== undefined) {
    await endNodes(plan);
    await deleteNetns(plan);
    await removeCgroups(name);
  }
  await unmountBelow(directory);
  Deno.removeSync(directory, { recursive: true });
  return true;
}

async function endNodes(plan: LabPlan): Promise<void> {
  await settleAll(plan.nodes.map(async (node) => {
    const init = nodeInit(plan, node);
    if (init !== undefined) await killProcess(init);
  }));
}

async function deleteNetns(plan: LabPlan): Promise<void> {
  const present = plan.netns.filter((netns) => exists(`/run/netns/${netns}`));
  if (present.length === 0) return;
  const lines = present.map((netns) => `netns delete ${netns}\n`).join("");
  const batch = await run(["ip", "-batch", "-"], { stdin: lines });
  if (batch.code === 0) return;
  // A run killed inside "ip netns add" leaves a file that is no mount.
  for (const netns of present) {
    if (!exists(`/run/netns/${netns}`)) continue;
    await run(["umount", "--lazy", `/run/netns/${netns}`]);
    Deno.removeSync(`/run/netns/${netns}`);
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
