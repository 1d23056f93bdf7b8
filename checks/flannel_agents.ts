/**
 * The programs that act as flannel's agent on a host.
 *
 * @module
 */
import type { ProcessFacts } from "../snapshot/facts.ts";

/**
 * Programs that run flannel without a flanneld process in sight: k3s has it
 * inside, the others start it where this host may not see it.
 */
const EMBEDDING: ReadonlySet<string> = new Set(["k3s", "rke2", "microk8s"]);

/** Programs that are an agent themselves. */
const AGENTS: ReadonlySet<string> = new Set(["flanneld", "flandoc"]);

/** Whether a process runs flannel inside, and is not told to leave it out. */
function embedsFlannel(process: ProcessFacts): boolean {
  if (!EMBEDDING.has(process.name)) return false;
  const line = process.argv.join(" ");
  return !/--flannel-backend[= ]+none\b/.test(line) &&
    !/--cni[= ]+(?:none|calico|cilium)\b/.test(line);
}

/** Whether a process is an agent itself: flanneld or `flandoc run`. */
export function isAgent(process: ProcessFacts): boolean {
  return AGENTS.has(process.name);
}

/** flanneld and flandoc processes. */
export function agentProcesses(
  processes: readonly ProcessFacts[],
): readonly ProcessFacts[] {
  return processes.filter(isAgent);
}

/**
 * Processes each of which keeps a flannel network by itself. RKE2 and MicroK8s
 * start a flanneld, so that they are none beside it; k3s has flannel inside.
 */
export function separateAgents(
  processes: readonly ProcessFacts[],
): readonly ProcessFacts[] {
  return processes.filter((process) =>
    isAgent(process) || (process.name === "k3s" && embedsFlannel(process))
  );
}

/** Every process that acts as the agent, those that embed flannel included. */
export function allAgents(
  processes: readonly ProcessFacts[],
): readonly ProcessFacts[] {
  return processes.filter((process) =>
    isAgent(process) || embedsFlannel(process)
  );
}

/** A process as a line of evidence: its id and its command line. */
export function processLine(process: ProcessFacts): string {
  return `${process.pid} ${process.argv.join(" ")}`;
}
