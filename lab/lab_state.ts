/**
 * What the lab remembers of a network on disk: everything that has to go.
 *
 * @module
 */
import type { LabNode, LabPlan } from "./lab_plan.ts";
import { parseProcessStat, type ProcessIdentity } from "./process_stat.ts";

/** All labs of a machine have a directory in here. */
export const LAB_ROOT = "/run/flandoc-lab";

/** Directory of a lab. */
export function labDirectory(name: string): string {
  return `${LAB_ROOT}/${name}`;
}

/** Directory of one node: its `run`, its logs, the stat of its first process. */
export function nodeDirectory(plan: LabPlan, node: LabNode): string {
  return `${labDirectory(plan.spec.name)}/${node.name}`;
}

/**
 * Claims the name of a lab and writes the plan before anything is made.
 *
 * @throws {Error} when a lab of that name exists.
 */
export function createLabState(plan: LabPlan): void {
  Deno.mkdirSync(LAB_ROOT, { recursive: true, mode: 0o700 });
  const directory = labDirectory(plan.spec.name);
  try {
    Deno.mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    const name = plan.spec.name;
    throw new Error(
      `Cannot create lab "${name}": it exists already, "flandoc lab down --name ${name}" takes it down`,
    );
  }
  const draft = `${directory}/plan.draft`;
  Deno.writeTextFileSync(draft, JSON.stringify(plan));
  Deno.renameSync(draft, `${directory}/plan.json`);
}

/**
 * The plan a lab was made by.
 *
 * @returns Undefined when there is no such lab.
 * @throws {SyntaxError} when its plan is damaged.
 */
export function readLabPlan(name: string): LabPlan | undefined {
  try {
    const text = Deno.readTextFileSync(`${labDirectory(name)}/plan.json`);
    return JSON.parse(text) as LabPlan;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Names of all labs of this machine, also half-made ones, sorted. */
export function labNames(): string[] {
  try {
    return [...Deno.readDirSync(LAB_ROOT)].map((entry) => entry.name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/**
 * The first process of a node, whose end is the end of all others there.
 *
 * @returns Undefined when the node was never started.
 */
export function nodeInit(
  plan: LabPlan,
  node: LabNode,
): ProcessIdentity | undefined {
  try {
    const path = `${nodeDirectory(plan, node)}/init.stat`;
    return parseProcessStat(Deno.readTextFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
