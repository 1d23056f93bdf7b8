/**
 * The process that holds a node.
 *
 * @module
 */
import type { LabNode, LabPlan } from "./lab_plan.ts";
import { nodeInit } from "./lab_state.ts";
import { isAlive } from "./process_stat.ts";

/**
 * Number of a node's first process.
 *
 * @throws {Error} when the node does not run.
 */
export function nodePid(plan: LabPlan, node: LabNode): number {
  const init = nodeInit(plan, node);
  if (init !== undefined && isAlive(init)) return init.pid;
  throw new Error(
    `Cannot enter ${node.name} of lab "${plan.spec.name}": it does not run, "flandoc lab down --name ${plan.spec.name}" cleans up`,
  );
}
