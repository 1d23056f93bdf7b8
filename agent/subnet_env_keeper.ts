/**
 * Keeps subnet.env as the own lease wants it.
 *
 * @module
 */
import type { Lease } from "../flannel/lease.ts";
import type { SubnetEnv } from "../flannel/network_config_types.ts";
import { pause } from "../stores/backoff.ts";
import type { Logger } from "./log.ts";
import { Restraint } from "./restraint.ts";
import { writeSubnetFile } from "./subnet_file.ts";

/** Options of {@linkcode SubnetEnvKeeper}. */
export interface SubnetEnvKeeperOptions {
  readonly path: string;
  /** What the file is to say for a lease. */
  readonly contents: (lease: Lease) => SubnetEnv;
  readonly log: Logger;
  /** Milliseconds between looks at the file. @default 10000 */
  readonly periodMs?: number;
}

/**
 * Writes subnet.env and looks after it: without it no container starts (CNI),
 * and Docker starts with another subnet. flannel writes it once.
 */
export class SubnetEnvKeeper {
  readonly #options: SubnetEnvKeeperOptions;
  readonly #restraint = new Restraint({ most: 5, withinMs: 600_000 });
  #wanted: SubnetEnv | null = null;
  #problem: string | null = null;

  constructor(options: SubnetEnvKeeperOptions) {
    this.#options = options;
  }

  /** Why the file is not as it should be; null when it is. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Writes the file for a lease. */
  write(lease: Lease): void {
    const { path, contents, log } = this.#options;
    const env = this.#wanted = contents(lease);
    const written = this.#write(env);
    if (written === null) return;
    log.info(`${written ? "Wrote" : "Nothing new for"} ${path}`, {
      subnet: env.subnet ?? env.ipv6Subnet,
      mtu: env.mtu,
    });
  }

  /** Looks at the file every period until the signal aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    const { path, log, periodMs = 10_000 } = this.#options;
    for (;;) {
      await pause(periodMs, signal);
      if (signal.aborted) return;
      if (this.#wanted === null) continue;
      const leave = this.#restraint.isHeld(path);
      if (leave) continue;
      if (!this.#write(this.#wanted)) continue;
      log.warning(`${path} was altered or gone, and is written again`);
      this.#restraint.allow(path);
      if (!this.#restraint.isHeld(path)) continue;
      log.error(`Somebody keeps changing ${path}; it is left for two minutes`);
    }
  }

  /** Whether it had to be written; null when it could not be. */
  #write(env: SubnetEnv): boolean | null {
    const { path, log } = this.#options;
    try {
      const written = writeSubnetFile(path, env);
      this.#problem = null;
      return written;
    } catch (error) {
      // As flanneld: the network is of use without the file.
      const reason = error instanceof Error ? error.message : String(error);
      const problem = `Cannot write ${path}: ${reason}`;
      if (problem !== this.#problem) log.error(problem);
      this.#problem = problem;
      return null;
    }
  }
}
