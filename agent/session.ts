/**
 * The agent's life with one network config.
 *
 * @module
 */
import { Netlink } from "../host/netlink/netlink.ts";
import { createBackend } from "./backends/mod.ts";
import { chooseNode } from "./choose_node.ts";
import { noteLeases } from "./lease_metrics.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { NetworkRun } from "./network_run.ts";
import { type OpenedManager, openManager } from "./open_manager.ts";
import type { AgentOptions } from "./options.ts";
import { Parts } from "./parts.ts";
import { keepServiceStatus } from "./service_status.ts";
import { previousSubnets, readSubnetFile } from "./subnet_file.ts";
import type { AcquireRequest } from "./subnet_manager.ts";

/** What a session works with. */
export interface SessionContext {
  readonly options: AgentOptions;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The store where it is being opened already. @default it is opened */
  readonly opening?: Promise<OpenedManager>;
}

/** A look at the kernel that takes longer hangs, milliseconds. */
const STALLED_MS = 60_000;

/** Config, lease, kernel: from the first to the last. */
export class Session {
  readonly #context: SessionContext;
  #run: NetworkRun | null = null;
  #stage = "Waiting for the network config";

  constructor(context: SessionContext) {
    this.#context = context;
  }

  /** Why the agent is not ready; empty when it is. */
  problems(): readonly string[] {
    return this.#run?.isReady ? this.#run.problems() : [this.#stage];
  }

  /** Brings the gauges up to date. */
  refreshMetrics(): void {
    if (this.#run === null) noteLeases(this.#context.metrics, null);
    else this.#run.refreshMetrics();
    const ready = this.problems().length === 0 ? 1 : 0;
    this.#context.metrics.set("flandoc_ready", ready);
  }

  /** Runs until the signal aborts; throws what cannot be lived with. */
  async run(outer: AbortSignal): Promise<void> {
    const { options, log, metrics, opening } = this.#context;
    const parts = new Parts(outer);
    const { signal } = parts;
    try {
      parts.add((s) => this.#tellServiceManager(s));
      const opened = await (opening ??
        openManager(options, log, metrics, signal));
      // A request under way must not hold up the end.
      signal.addEventListener("abort", () => opened.manager.close());
      try {
        await this.#runWith(opened, parts);
      } finally {
        opened.manager.close();
      }
    } finally {
      await parts.stop();
    }
  }

  async #tellServiceManager(signal: AbortSignal): Promise<void> {
    const { options, log } = this.#context;
    await keepServiceStatus({
      socket: options.notifySocket,
      watchdogUsec: options.watchdogUsec ?? 0,
      status: () => this.#status(),
      isAlive: () => (this.#run?.busyMs ?? 0) < STALLED_MS,
      log,
      signal,
    });
  }

  /** One line for people. */
  #status(): string {
    const [first, ...more] = this.problems();
    if (first === undefined) return `Ready: ${this.#run!.summary}`;
    return more.length === 0 ? first : `${first} (and ${more.length} more)`;
  }

  async #runWith(
    { manager, publishesVni }: OpenedManager,
    parts: Parts,
  ): Promise<void> {
    const { options, log } = this.#context;
    const { signal } = parts;
    const config = await manager.config(signal);
    log.info(`Found network config, backend type ${config.backendType}`, {
      network: config.ipv4?.network,
      ipv6Network: config.ipv6?.network,
    });
    const netns = options.netns === undefined ? {} : { netns: options.netns };
    using kernel = new Netlink(netns);
    const given = await manager.publicAddresses?.(signal) ?? {};
    const choice = { ...options.interface, ...given };
    const node = chooseNode(kernel, config, choice, log);
    const links = kernel.links();
    const backend = createBackend({ config, node, links, publishesVni });
    const request: AcquireRequest = {
      config,
      identity: node,
      attributes: (existing) => backend.attributes(existing),
      previous: previousSubnets(readSubnetFile(options.subnetFile)),
    };
    this.#stage = "Acquiring a lease";
    const own = await manager.acquire(request, signal);
    this.#stage = "Reading the leases";
    const context = {
      ...this.#context,
      manager,
      kernel,
      config,
      node,
      backend,
    };
    const run = this.#run = new NetworkRun(context, own);
    try {
      await run.run(request, parts);
    } finally {
      // Nothing may touch the kernel's socket once it is closed.
      await parts.stop();
    }
  }
}
