/**
 * Another flannel agent on this host.
 *
 * @module
 */
import { flagValue, parseFlags } from "../flannel/flags.ts";
import { type HostProcess, readProcesses } from "../host/processes.ts";
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
  const processes = netns === undefined ? readProcesses("flanneld") : null;
  if (processes === null || !isKnown(processes)) return null;
  return rivalAmong(processes.known.here, subnetFile);
}

/** As {@linkcode rivalOf}, among the processes given. */
export function rivalAmong(
  processes: readonly Pick<HostProcess, "facts" | "argv" | "environment">[],
  subnetFile: string,
): string | null {
  for (const { facts, argv, environment } of processes) {
    if (facts.name !== "flanneld") continue;
    const flags = parseFlags(argv.slice(1));
    const [file] = flagValue("subnet-file", flags, environment).values;
    if (file !== subnetFile) continue;
    return `flanneld (pid ${facts.pid}) runs here with the same subnet file, ${file}: stop it first`;
  }
  return null;
}
