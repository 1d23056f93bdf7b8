/**
 * Another flannel agent on this host.
 *
 * @module
 */
import { flagValue, parseFlags } from "../flannel/flags.ts";
import { type HostProcess, readProcesses } from "../host/processes.ts";
import { isKnown } from "../snapshot/fact.ts";
import { pause } from "../stores/backoff.ts";
import type { Logger } from "./log.ts";
import type { AgentOptions } from "./options.ts";

type Process = Pick<HostProcess, "facts" | "argv" | "environment">;

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

/**
 * Whether a flanneld keeps another network on this host, by another subnet
 * file: its rules are not leftovers.
 */
export function keepsOtherNetwork(
  { netns, subnetFile }: Pick<AgentOptions, "netns" | "subnetFile">,
): boolean {
  const processes = netns === undefined ? readProcesses("flanneld") : null;
  // Nobody knows whose rules they are where processes cannot be seen.
  if (processes === null) return false;
  return !isKnown(processes) ||
    othersAmong(processes.known.here, subnetFile).length > 0;
}

/** Milliseconds between looks for a flanneld that was started later. */
const PERIOD_MS = 30_000;

/**
 * Looks for a flanneld that is started while the agent runs: it asks nobody,
 * and would take turns with the agent over lease and rules.
 */
export class RivalWatch {
  readonly #look: () => string | null;
  readonly #log: Logger;
  readonly #periodMs: number;
  #problem: string | null = null;

  constructor(
    look: () => string | null,
    log: Logger,
    periodMs: number = PERIOD_MS,
  ) {
    this.#look = look;
    this.#log = log;
    this.#periodMs = periodMs;
  }

  /** Which rival there is; null when there is none. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Looks every period until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await pause(this.#periodMs, signal);
      if (signal.aborted) return;
      const found = this.#look();
      if (found === this.#problem) continue;
      this.#problem = found;
      if (found !== null) this.#log.error(found);
      else this.#log.info("The other agent is gone");
    }
  }
}

/** As {@linkcode rivalOf}, among the processes given. */
export function rivalAmong(
  processes: readonly Process[],
  subnetFile: string,
): string | null {
  const rival = flannelds(processes).find(({ file }) => file === subnetFile);
  return rival === undefined
    ? null
    : `flanneld (pid ${rival.pid}) runs here with the same subnet file, ${rival.file}: stop it first`;
}

/** Process ids of the flannelds that keep another subnet file. */
export function othersAmong(
  processes: readonly Process[],
  subnetFile: string,
): number[] {
  return flannelds(processes).filter(({ file }) => file !== subnetFile)
    .map(({ pid }) => pid);
}

/** Every flanneld with its subnet file. */
function flannelds(processes: readonly Process[]) {
  return processes.filter(({ facts }) => facts.name === "flanneld")
    .map(({ facts, argv, environment }) => {
      const flags = parseFlags(argv.slice(1));
      const [file] = flagValue("subnet-file", flags, environment).values;
      return { pid: facts.pid, file };
    });
}
