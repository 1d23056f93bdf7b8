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
