/**
 * Another flannel agent on this host.
 *
 * @module
 */
import { readProcesses } from "../host/processes.ts";
import { isKnown } from "../snapshot/fact.ts";
import type { AgentOptions } from "./options.ts";

/**
 * A flanneld that runs here for the same network, told by its subnet file: in
 * words, or null. Two agents would fight over the lease and the rules.
 */
export function rivalOf(
  { netns, subnetFile }: Pick<AgentOptions, "netns" | "subnetFile">,
): string | null {
  // In a test's namespace the processes to be seen are the machine's.
  const processes = netns === undefined ? readProcesses() : null;
  if (processes === null || !isKnown(processes)) return null;
  for (const { facts, argv, environment } of processes.known.here) {
    if (facts.name !== "flanneld") continue;
    const flag = argv.findLast((word) => /^--?subnet-file=/.test(word));
    const file = flag?.replace(/^[^=]*=/, "") ??
      environment["FLANNELD_SUBNET_FILE"] ?? "/run/flannel/subnet.env";
    if (file !== subnetFile) continue;
    return `flanneld (pid ${facts.pid}) runs here with the same subnet file, ${file}: stop it first`;
  }
  return null;
}
