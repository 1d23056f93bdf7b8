/**
 * The agent's life with one network config.
 *
 * @module
 */
import type { LocalNode } from "../flannel/expected_types.ts";
import {
  chooseInterface,
  type RouteLookup,
} from "../flannel/interface_choice.ts";
import type { Lease } from "../flannel/lease.ts";
import { flannelMtu } from "../flannel/mtu.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { type Monitor, openMonitor } from "../host/netlink/monitor.ts";
import { Netlink } from "../host/netlink/netlink.ts";
import { inNetns } from "../host/netns.ts";
import { createBackend } from "./backends/mod.ts";
import { keepBlackhole } from "./blackhole.ts";
import { keepFirewall } from "./firewall/keep_firewall.ts";
import { FirewallKeeper } from "./firewall/keeper.ts";
import { LeaseTable } from "./lease_table.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { notify } from "./notify.ts";
import type { AgentOptions } from "./options.ts";
import { type OpenedManager, openManager } from "./open_manager.ts";
import { Parts } from "./parts.ts";
import { Reconciler } from "./reconciler.ts";
import {
  previousSubnets,
  readSubnetFile,
  subnetEnvOf,
  writeSubnetFile,
} from "./subnet_file.ts";
import type {
  AcquireRequest,
  LeaseEvent,
  OwnLease,
  PublicAddresses,
} from "./subnet_manager.ts";

/** What a session works with. */
export interface SessionContext {
  readonly options: AgentOptions;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** How long peers stay that a doubtful list of leases lacks, ms. */
const HOLD_MS = 300_000;

/** Config, lease, kernel: from the first to the last. */
export class Session {
  readonly #context: SessionContext;
  readonly #leases = new LeaseTable({ holdMs: HOLD_MS });
  #reconciler: Reconciler | null = null;
  #own: OwnLease | null = null;
  #lost: string | null = null;
  #fileProblem: string | null = null;
  #firewall: FirewallKeeper | null = null;
  #stage = "Waiting for the network config";

  constructor(context: SessionContext) {
    this.#context = context;
  }

  /** Why the agent is not ready; empty when it is. */
  problems(): readonly string[] {
    if (this.#reconciler === null) return [this.#stage];
    const expires = this.#own?.expires ?? null;
    const over = expires !== null && expires <= performance.now();
    return [
      ...(this.#lost === null ? [] : [this.#lost]),
      ...(over ? ["Our lease has expired"] : []),
      ...(this.#fileProblem === null ? [] : [this.#fileProblem]),
      ...this.#reconciler.problems,
      ...this.#firewall?.problems ?? [],
    ];
  }

  /** Brings the gauges up to date. */
  refreshMetrics(): void {
    const { metrics } = this.#context;
    const expires = this.#own?.expires ?? null;
    if (expires !== null) {
      const seconds = Math.round((expires - performance.now()) / 1000);
      metrics.set("flandoc_lease_expiry_seconds", seconds);
    }
    metrics.set("flandoc_ready", this.problems().length === 0 ? 1 : 0);
  }

  /** Runs until the signal aborts; throws what cannot be lived with. */
  async run(outer: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([outer, stop.signal]);
    const { options, log } = this.#context;
    const opened = await openManager(options, log, signal);
    try {
      await this.#runWith(opened, signal);
    } finally {
      stop.abort();
      opened.manager.close();
    }
  }

  async #runWith(
    { manager, publishesVni }: OpenedManager,
    signal: AbortSignal,
  ): Promise<void> {
    const { options, log, metrics } = this.#context;
    const netns = options.netns === undefined ? {} : { netns: options.netns };
    const config = await manager.config(signal);
    log.info(`Found network config, backend type ${config.backendType}`, {
      network: config.ipv4?.network,
      ipv6Network: config.ipv6?.network,
    });
    using kernel = new Netlink(netns);
    const given = await manager.publicAddresses?.(signal) ?? {};
    const node = this.#chooseInterface(kernel, config, given);
    const backend = createBackend({
      config,
      node,
      links: kernel.links(),
      publishesVni,
    });
    const before = readSubnetFile(options.subnetFile);
    const request: AcquireRequest = {
      config,
      identity: node,
      attributes: (existing) => backend.attributes(existing),
      previous: previousSubnets(before),
    };
    this.#stage = "Acquiring a lease";
    const own = await manager.acquire(request, signal);
    this.#own = own;
    this.#tellLease(own);
    const reconciler = new Reconciler({
      kernel,
      config,
      node: { ...node, lease: own.lease },
      leases: this.#leases,
      log,
      metrics,
      onDevice: (name) => this.#onDevice(name, backend.onDevice?.bind(backend)),
    });
    this.#stage = "Reading the leases";
    await using monitor = openMonitor({
      ...netns,
      links: true,
      addresses: true,
      routes: true,
      neighbours: config.backendType === "vxlan",
    });
    const parts = new Parts(signal);
    try {
      const first = Promise.withResolvers<void>();
      const sink = (event: LeaseEvent) => {
        this.#take(event, config, reconciler);
        if (event.type === "snapshot") first.resolve();
      };
      parts.add((s) => manager.run(request, own, sink, s));
      await parts.until(first.promise);
      if (signal.aborted) return;
      // Only now, with all peers known: routes of ours that are there from a
      // former run stay.
      await reconciler.first(signal);
      this.#reconciler = reconciler;
      this.#writeSubnetFile(config, own.lease, node.deviceMtu);
      this.#ready();
      parts.add((s) => reconciler.run(s));
      parts.add((s) => follow(monitor, reconciler, s));
      parts.add((s) => this.#blackhole(kernel, reconciler, s));
      parts.add((s) => this.#keepFirewall(kernel, config, reconciler, s));
      await parts.done();
    } finally {
      await parts.stop();
    }
  }

  #chooseInterface(
    kernel: Netlink,
    config: NetworkConfig,
    given: PublicAddresses,
  ): LocalNode {
    const { options, log } = this.#context;
    const choice = chooseInterface({
      ...options.interface,
      ...given,
      ipv4: config.enableIPv4,
      ipv6: config.enableIPv6,
    }, {
      links: kernel.links(),
      addresses: kernel.addresses(),
      routes: kernel.routes(),
      lookup: (address) => lookup(kernel, address),
    });
    if ("problem" in choice) throw new Error(choice.problem);
    const { node, reason } = choice;
    log.info(`Using interface ${node.device} (${reason})`, {
      address: node.address,
      ipv6Address: node.ipv6Address ?? undefined,
      publicIP: node.publicIP,
      publicIPv6: node.publicIPv6 ?? undefined,
      mtu: node.deviceMtu,
    });
    return node;
  }

  /** Settings of a device, made in the namespace it lives in. */
  #onDevice(name: string, prepare: ((name: string) => void) | undefined): void {
    const { options, log } = this.#context;
    if (prepare === undefined) return;
    try {
      if (options.netns === undefined) prepare(name);
      else inNetns(options.netns, () => prepare(name));
    } catch (error) {
      log.warning(`Cannot set up ${name}: ${String(error)}`);
    }
  }

  #tellLease({ lease, from }: OwnLease): void {
    const how = {
      reuse: "Found our lease in the store, reusing it",
      previous: "Took our previous subnet again",
      free: "Allocated a subnet",
      assigned: "Got a subnet",
    }[from];
    this.#context.log.info(how, {
      subnet: lease.subnet ?? undefined,
      ipv6Subnet: lease.ipv6Subnet ?? undefined,
      ttl: lease.ttl,
    });
  }

  #take(
    event: LeaseEvent,
    config: NetworkConfig,
    reconciler: Reconciler,
  ): void {
    const { metrics, log } = this.#context;
    metrics.add("flandoc_lease_events_total", 1, { type: event.type });
    switch (event.type) {
      case "snapshot": {
        const held = this.#leases.replace(event.leases, event.trusted);
        if (held > 0) {
          log.warning(
            "The list of leases lacks ours, or most of them: were the records lost? Peers that are missing stay for five minutes",
            { missing: held },
          );
        }
        return reconciler.requestFull();
      }
      case "put":
        if (!this.#leases.put(event.lease)) return;
        log.info(
          `Subnet added: ${
            name(event.lease)
          } via ${event.lease.attributes.publicIP}`,
        );
        return reconciler.peerPut(event.lease);
      case "remove": {
        const gone = this.#leases.remove(event.key);
        if (gone === null) return;
        log.info(`Subnet removed: ${event.key}`);
        return reconciler.peerGone(gone);
      }
      case "own":
        return this.#takeOwn(event.own, config, reconciler);
      case "lost":
        metrics.add("flandoc_lease_losses_total");
        this.#lost = event.reason;
        return;
      case "store":
        metrics.set("flandoc_store_up", event.error === null ? 1 : 0);
        if (event.error !== null) metrics.add("flandoc_store_errors_total");
    }
  }

  #takeOwn(
    own: OwnLease,
    config: NetworkConfig,
    reconciler: Reconciler,
  ): void {
    const { metrics, log } = this.#context;
    const before = this.#own?.lease ?? null;
    const wasLost = this.#lost !== null;
    this.#own = own;
    this.#lost = null;
    metrics.add("flandoc_renewals_total");
    if (wasLost) this.#tellLease(own);
    if (before?.key === own.lease.key) return;
    log.error(
      `THIS HOST HAS ANOTHER SUBNET NOW: ${name(own.lease)} instead of ${
        before === null ? "none" : name(before)
      }. Restart Docker (or the CNI's bridge and its pods): containers that run now have addresses that lead elsewhere`,
    );
    if (before !== null) this.#leases.remove(before.key);
    this.#leases.put(own.lease);
    reconciler.setNode({ ...reconciler.node, lease: own.lease });
    this.#writeSubnetFile(config, own.lease, reconciler.node.deviceMtu);
  }

  #writeSubnetFile(
    config: NetworkConfig,
    lease: Lease,
    deviceMtu: number,
  ): void {
    const { options, log } = this.#context;
    const mtu = flannelMtu(config, deviceMtu);
    if (mtu === null) return;
    const env = subnetEnvOf(config, lease, mtu, options.ipMasq);
    try {
      const written = writeSubnetFile(options.subnetFile, env);
      this.#fileProblem = null;
      log.info(
        `${written ? "Wrote" : "Nothing new for"} ${options.subnetFile}`,
        { subnet: env.subnet ?? env.ipv6Subnet, mtu },
      );
    } catch (error) {
      // As flanneld: the network is of use without the file.
      this.#fileProblem = `Cannot write ${options.subnetFile}: ${
        error instanceof Error ? error.message : String(error)
      }`;
      log.error(this.#fileProblem);
    }
  }

  #ready(): void {
    const { options, log, metrics } = this.#context;
    metrics.set("flandoc_store_up", 1);
    log.info("Running backend", { leases: this.#leases.size });
    notify(options.notifySocket, "READY=1", log);
  }

  async #keepFirewall(
    kernel: Netlink,
    config: NetworkConfig,
    reconciler: Reconciler,
    signal: AbortSignal,
  ): Promise<void> {
    const { options, log, metrics } = this.#context;
    const netns = options.netns === undefined ? {} : { netns: options.netns };
    const keeper = new FirewallKeeper({
      config,
      ipMasq: options.ipMasq,
      forwardRules: options.iptablesForwardRules,
      randomFully: !options.ipMasqFullyRandomDisable,
      snat: options.snat,
      kernel,
      log,
      metrics,
      ...netns,
    });
    this.#firewall = keeper;
    await keepFirewall({
      keeper,
      node: () => reconciler.node,
      resyncMs: options.iptablesResync * 1000,
      signal,
      ...netns,
    });
  }

  /** `--ip-blackhole-route`, if it is on. */
  async #blackhole(
    kernel: Netlink,
    reconciler: Reconciler,
    signal: AbortSignal,
  ): Promise<void> {
    const { options } = this.#context;
    if (!options.ipBlackholeRoute) return;
    await keepBlackhole(
      kernel,
      () => reconciler.node.lease,
      options.iptablesResync * 1000,
      signal,
    );
  }
}

/** Hands the kernel's events to the reconciler until the signal aborts. */
async function follow(
  monitor: Monitor,
  reconciler: Reconciler,
  signal: AbortSignal,
): Promise<void> {
  const close = () => void monitor.close();
  signal.addEventListener("abort", close, { once: true });
  for (;;) {
    const events = await monitor.read();
    if (events === null) return;
    reconciler.kernelChanged(events);
  }
}

function name(lease: Lease): string {
  return [lease.subnet, lease.ipv6Subnet].filter(Boolean).join(" and ");
}

/** The kernel's way to an address, or null when it has none. */
function lookup(kernel: Netlink, address: string): RouteLookup | null {
  try {
    const { device, gateway, prefsrc } = kernel.routeGet({ dst: address });
    return device === null ? null : { device, gateway, source: prefsrc };
  } catch {
    return null;
  }
}
