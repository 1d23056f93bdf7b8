/**
 * Files on the nodes of a lab.
 *
 * @module
 */
import type { LabNode, LabPlan } from "./lab_plan.ts";
import { mustRunOn } from "./node_command.ts";

/** A file of a node, text only. */
export interface NodeFile {
  readonly path: string;
  readonly text: string;
  /** Permission bits. @default 0o644 */
  readonly mode?: number;
}

/** No line of a file may say this. */
const END = "END OF FILE OF THE LAB";

/** A shell script that writes the files, with their directories. */
export function writeFilesScript(files: readonly NodeFile[]): string {
  return files.map(({ path, text, mode = 0o644 }) => {
    if (!text.endsWith("\n")) {
      throw new TypeError(
        `Cannot write ${path}: it does not end with a newline`,
      );
    }
    const directory = path.slice(0, path.lastIndexOf("/"));
    return `mkdir -p ${directory}
cat >${path} <<'${END}'
${text}${END}
chmod ${mode.toString(8)} ${path}
`;
  }).join("");
}

/**
 * Writes files on a node, from within: what is there is the node's own.
 *
 * @throws {Error} when one cannot be written.
 */
export async function writeFiles(
  plan: LabPlan,
  node: LabNode,
  files: readonly NodeFile[],
): Promise<void> {
  const stdin = writeFilesScript(files);
  await mustRunOn(plan, node, ["sh", "-eus"], { stdin });
}
