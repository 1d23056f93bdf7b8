/**
 * Another flannel agent on this host.
 *
 * @module
 */
import { flagValue, isTrue, parseFlags } from "../flannel/flags.ts";
import { type HostProcess, readProcesses } from "../host/processes.ts";
import { isKnown } from "../snapshot/fact.ts";
import { pause } from "../stores/backoff.ts";
import type { Logger } from "./log.ts";
import type { AgentOptions } from "./options.ts";

type Process = Pick<HostProcess, "facts" | "argv" | "environment">;

/** What agents must not share: each is one agent's own. */
type Place =
  & Pick<AgentOptions, "netns" | "subnetFile" | "store">
  & { readonly etcd: Pick<AgentOptions["etcd"], "endpoints" | "prefix"> };

/**
 * A flanneld that runs here for the same network, told by its subnet file and
 * by where its records are: in words, or null. Two agents would fight over the
 * lease and the rules.
 */
export function rivalOf(place: Place): string | null {
  const processes = processesBeside(place);
  return processes === null || !isKnown(processes)
    ? null
    : rivalAmong(processes.known.here, place);
}

/**
 * Whether a flanneld keeps another network on this host: its rules are not
 * leftovers.
 */
export function keepsOtherNetwork(place: Place): boolean {
  const processes = processesBeside(place);
  if (processes === null) return false;
  // Nobody knows whose rules they are where processes cannot be seen.
  return !isKnown(processes) ||
    othersAmong(processes.known.here, place).length > 0;
}

/** Null in a test's namespace: the processes to be seen are the machine's. */
function processesBeside({ netns }: Place) {
  return netns === undefined ? readProcesses("flanneld") : null;
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
  place: Place,
): string | null {
  for (const { pid, file, stores } of flannelds(processes)) {
    const who = `flanneld (pid ${pid}) runs here with the same`;
    if (file === place.subnetFile) {
      return `${who} subnet file, ${file}: stop it first`;
    }
    const shared = stores.find((store) => storesOf(place).includes(store));
    if (shared !== undefined) {
      return `${who} records, ${shared}: stop it first`;
    }
  }
  return null;
}

/** Process ids of the flannelds that keep another network. */
export function othersAmong(
  processes: readonly Process[],
  place: Place,
): number[] {
  return flannelds(processes)
    .filter(({ process }) => rivalAmong([process], place) === null)
    .map(({ pid }) => pid);
}

/** Where records are, each endpoint with the prefix; `kubernetes` has one. */
function storesOf({ store, etcd: { endpoints, prefix } }: Place): string[] {
  if (store === "kubernetes") return ["the node in Kubernetes"];
  // The v2 API puts a slash before, and both take one away behind.
  const path = prefix.replace(/^\/*/, "/").replace(/\/+$/, "");
  return endpoints.map((url) => `${url.trim().replace(/\/+$/, "")}${path}`);
}

/** Every flanneld with its subnet file and where its records are. */
function flannelds(processes: readonly Process[]) {
  return processes.filter(({ facts }) => facts.name === "flanneld")
    .map((process) => {
      const { facts, argv, environment } = process;
      const flags = parseFlags(argv.slice(1));
      const value = (flag: string) =>
        flagValue(flag, flags, environment).values.at(-1) ?? "";
      const file = value("subnet-file");
      const stores = storesOf({
        subnetFile: file,
        store: isTrue(value("kube-subnet-mgr")) ? "kubernetes" : "auto",
        etcd: {
          endpoints: value("etcd-endpoints").split(","),
          prefix: value("etcd-prefix"),
        },
      });
      return { pid: facts.pid, process, file, stores };
    });
}
