/**
 * The control groups Docker makes for the containers of a lab.
 *
 * @module
 */

/** Group of a node's containers below each controller's root. */
export function nodeCgroup(lab: string, node: string): string {
  return `flandoc-lab.${lab}.${node}`;
}

/**
 * Removes the empty groups of a lab's nodes, of every controller (cgroup v1)
 * and of the one tree (v2).
 */
export function removeCgroups(lab: string, root = "/sys/fs/cgroup"): void {
  const prefix = nodeCgroup(lab, "");
  for (const top of [root, ...directories(root)]) {
    for (const group of directories(top)) {
      if (group.slice(top.length + 1).startsWith(prefix)) removeTree(group);
    }
  }
}

/** Files of a group cannot be removed and go with it; groups inside go first. */
function removeTree(group: string): void {
  for (const inner of directories(group)) removeTree(inner);
  try {
    Deno.removeSync(group);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function directories(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)]
      .filter((entry) => entry.isDirectory && !entry.isSymlink)
      .map((entry) => `${path}/${entry.name}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
