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

/** flanneld and flandoc processes. */
export function agentProcesses(
  processes: readonly ProcessFacts[],
): readonly ProcessFacts[] {
  return processes.filter((process) => AGENTS.has(process.name));
}

/** Every process that acts as the agent, those that embed flannel included. */
export function allAgents(
  processes: readonly ProcessFacts[],
): readonly ProcessFacts[] {
  return processes.filter((process) =>
    AGENTS.has(process.name) || embedsFlannel(process)
  );
}

/** A process as a line of evidence: its id and its command line. */
export function processLine(process: ProcessFacts): string {
  return `${process.pid} ${process.argv.join(" ")}`;
}
