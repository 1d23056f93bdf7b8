/**
 * A practice network that runs.
 *
 * @module
 */
import type { LabPlan } from "./lab_plan.ts";
import { labNames, readLabPlan } from "./lab_state.ts";
import { findNode, runOn } from "./node_command.ts";
import type { Output, RunOptions } from "./run.ts";

/** A lab by its name and plan. */
export interface Lab {
  readonly name: string;
  readonly plan: LabPlan;
}

/**
 * Opens a lab that some process brought up.
 *
 * @throws {RangeError} when there is none of that name, naming those there are.
 */
export function openLab(name: string): Lab {
  const plan = readLabPlan(name);
  if (plan !== undefined) return { name, plan };
  const names = labNames();
  if (names.includes(name)) {
    throw new RangeError(
      `Cannot open lab "${name}": it was never finished, "flandoc lab down --name ${name}" removes it`,
    );
  }
  throw new RangeError(
    `Cannot open lab "${name}": ${
      names.length === 0
        ? 'there is no lab, "flandoc lab up" makes one'
        : `there is only ${names.join(", ")}`
    }`,
  );
}

/**
 * Runs a command on a node and answers its status and output.
 *
 * @throws {RangeError} when there is no such node.
 */
export function labExec(
  lab: Lab,
  node: string,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<Output> {
  return runOn(lab.plan, findNode(lab.plan, node), argv, options);
}
