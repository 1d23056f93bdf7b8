/**
 * The control groups Docker makes for the containers of a lab.
 *
 * @module
 */
import { mustRun } from "./run.ts";

/** Group of a node's containers below each controller's root. */
export function nodeCgroup(lab: string, node: string): string {
  return `flandoc-lab.${lab}.${node}`;
}

/**
 * Removes the empty groups of a lab's nodes, of every controller (cgroup v1)
 * and of the one tree (v2). Groups inside go first; the files of a group go
 * with it.
 */
export async function removeCgroups(
  lab: string,
  root = "/sys/fs/cgroup",
): Promise<void> {
  const prefix = nodeCgroup(lab, "");
  const script = `for group in "$1"/"$2"* "$1"/*/"$2"*; do
  [ -d "$group" ] || continue
  find "$group" -depth -type d -exec rmdir {} +
done`;
  await mustRun(["sh", "-c", script, "sh", root, prefix]);
}
