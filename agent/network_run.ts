/**
 * Everything that runs for a network once this host has a lease.
 *
 * @module
 */
import type { LocalNode } from "../flannel/expected_types.ts";
import { flannelMtu } from "../flannel/mtu.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { releaseFreedMemory } from "../host/memory.ts";
import { type Monitor, openMonitor } from "../host/netlink/monitor.ts";
import type { Netlink } from "../host/netlink/netlink.ts";
import { inNetns } from "../host/netns.ts";
import { pause } from "../stores/backoff.ts";
import type { Backend, DataPath } from "./backends/backend.ts";
import { keepBlackhole } from "./blackhole.ts";
import { bridgeNetfilterTrouble } from "./bridge_netfilter.ts";
import { watchConfig } from "./config_watch.ts";
import { keepFirewall } from "./firewall/keep_firewall.ts";
import { FirewallKeeper, type FirewallTarget } from "./firewall/keeper.ts";
import { LeaseFollower, subnetsText } from "./lease_follower.ts";
import { noteLeases } from "./lease_metrics.ts";
import { notify } from "./notify.ts";
import type { Parts } from "./parts.ts";
import { Reconciler } from "./reconciler.ts";
import { keepsOtherNetwork, rivalOf, RivalWatch } from "./rival.ts";
import type { SessionContext } from "./session.ts";
import { networksOf, readSubnetFile, subnetEnvOf } from "./subnet_file.ts";
import { SubnetEnvKeeper } from "./subnet_env_keeper.ts";
import type {
  AcquireRequest,
  OwnLease,
  SubnetManager,
} from "./subnet_manager.ts";
import { noteUdpCounters } from "./udp_metrics.ts";
import { Waker } from "./waker.ts";

/** What a run works with. */
export interface NetworkContext extends SessionContext {
  readonly manager: SubnetManager;
  readonly kernel: Netlink;
  readonly config: NetworkConfig;
  /** The host, without its lease. */
  readonly node: LocalNode;
  readonly backend: Backend;
}

/** Leases, kernel, firewall and subnet.env, each kept by its own part. */
export class NetworkRun {
  readonly #context: NetworkContext;
  readonly #netns: { readonly netns?: string };
  readonly #own: OwnLease;
  readonly #follower: LeaseFollower;
  readonly #reconciler: Reconciler;
  readonly #firewall: FirewallKeeper;
  readonly #subnetEnv: SubnetEnvKeeper;
  readonly #path: DataPath | null;
  readonly #rivals: RivalWatch;
  /** Has the firewall looked at. */
  readonly #waker = new Waker();
  #isReady = false;

  constructor(context: NetworkContext, own: OwnLease) {
    const { options, log, metrics, kernel, config, node, backend } = context;
    const { netns } = options;
    this.#context = context;
    this.#netns = netns === undefined ? {} : { netns };
    this.#own = own;
    this.#follower = new LeaseFollower({ own, log, metrics });
    this.#path = backend.dataPath?.({ own: own.lease, log, ...this.#netns }) ??
      null;
    this.#reconciler = new Reconciler({
      kernel,
      config,
      node: { ...node, lease: own.lease },
      leases: this.#follower.leases,
      log,
      metrics,
      onDevice: (name) => this.#setUpDevice(name),
    });
    this.#firewall = new FirewallKeeper({
      config,
      ipMasq: options.ipMasq,
      forwardRules: options.iptablesForwardRules,
      randomFully: !options.ipMasqFullyRandomDisable,
      snat: options.snat,
      kernel,
      log,
      metrics,
      ...this.#netns,
      isBesideOther: () => keepsOtherNetwork(options),
      formerNetworks: networksOf(readSubnetFile(options.subnetFile)),
    });
    this.#rivals = new RivalWatch(() => rivalOf(options), log);
    const mtu = flannelMtu(config, node.deviceMtu) ?? node.deviceMtu;
    this.#subnetEnv = new SubnetEnvKeeper({
      path: options.subnetFile,
      contents: (lease) => subnetEnvOf(config, lease, mtu, options.ipMasq),
      log,
    });
  }

  /** Whether everything was put right once. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** How long a look at the kernel has taken so far, milliseconds. */
  get busyMs(): number {
    return this.#reconciler.busyMs;
  }

  /** What this host has of the network, for people. */
  get summary(): string {
    const { own, leases } = this.#follower;
    return `${subnetsText(own.lease)}, ${leases.size} leases`;
  }

  /** What is not as it should be; empty when all is well. */
  problems(): readonly string[] {
    const alone = [this.#subnetEnv.problem, this.#rivals.problem];
    return [
      ...this.#follower.problems,
      ...alone.filter((problem) => problem !== null),
      ...this.#path?.problems ?? [],
      ...this.#reconciler.problems,
      ...this.#firewall.problems,
    ];
  }

  /** Brings the gauges up to date. */
  refreshMetrics(): void {
    const { metrics } = this.#context;
    noteLeases(metrics, this.#follower);
    const counters = this.#path?.counters ?? null;
    if (counters !== null) noteUdpCounters(metrics, counters);
  }

  /** Runs until the signal of the parts aborts. */
  async run(request: AcquireRequest, parts: Parts): Promise<void> {
    const { manager, config } = this.#context;
    const { signal } = parts;
    if (this.#path !== null) {
      const path = this.#path;
      await path.start();
      parts.add((s) => path.run(s));
    }
    await using monitor = openMonitor({
      ...this.#netns,
      links: true,
      addresses: true,
      routes: true,
      neighbours: config.backendType === "vxlan",
      ignorePort: this.#context.kernel.port,
    });
    this.#connect();
    const { take, first } = this.#follower;
    parts.add((s) => manager.run(request, this.#own, take, s));
    await parts.until(first);
    if (signal.aborted) return;
    // Only now, with all peers known: routes of ours that are there from a
    // former run stay. Docker starts when this host says that it is ready.
    await this.#reconciler.first(signal);
    await this.#firewall.keep(this.#target());
    if (signal.aborted) return;
    this.#subnetEnv.write(this.#follower.own.lease);
    this.#tellReady();
    this.#tellTrouble();
    this.#addParts(parts, monitor);
    await parts.done();
  }

  /** Who is told of what the store tells. */
  #connect(): void {
    const reconciler = this.#reconciler;
    const follower = this.#follower;
    follower.connect({
      peerPut: (lease) => reconciler.peerPut(lease),
      peerGone: (lease) => reconciler.peerGone(lease),
      peersChanged: () => reconciler.peersChanged(),
      leasesChanged: () =>
        this.#path?.update(follower.own.lease, () => reconciler.peers()),
      ownChanged: (lease) => {
        reconciler.setNode({ ...reconciler.node, lease });
        this.#subnetEnv.write(lease);
        this.#waker.wake();
      },
    });
  }

  /** What goes on without, where flanneld would not. */
  #tellTrouble(): void {
    const { options: { netns }, config, log } = this.#context;
    const look = () => bridgeNetfilterTrouble(config);
    const trouble = netns === undefined ? look() : inNetns(netns, look);
    if (trouble !== null) log.warning(trouble);
  }

  #tellReady(): void {
    const { options, log, metrics } = this.#context;
    this.#isReady = true;
    metrics.set("flandoc_store_up", 1);
    log.info("Running backend", { leases: this.#follower.leases.size });
    notify(options.notifySocket, "READY=1", log);
  }

  #addParts(parts: Parts, monitor: Monitor): void {
    const { options, log, metrics, kernel, manager, config } = this.#context;
    const reconciler = this.#reconciler;
    const resyncMs = options.iptablesResync * 1000;
    parts.add((signal) => reconciler.run(signal));
    parts.add((signal) => follow(monitor, reconciler, signal));
    parts.add((signal) => this.#subnetEnv.keep(signal));
    parts.add((signal) => this.#rivals.run(signal));
    // What reading all leases took is freed by then.
    parts.add((signal) => pause(1_000, signal).then(releaseFreedMemory));
    parts.add((signal) =>
      keepFirewall({
        keeper: this.#firewall,
        target: () => this.#target(),
        resyncMs,
        waker: this.#waker,
        log,
        signal,
        ...this.#netns,
      })
    );
    if (options.ipBlackholeRoute) {
      const lease = () => reconciler.node.lease;
      parts.add((s) => keepBlackhole(kernel, lease, resyncMs, log, s));
    }
    if (manager.currentConfig !== undefined) {
      parts.add((signal) =>
        watchConfig({ manager, config, log, metrics, signal })
      );
    }
  }

  #target(): FirewallTarget {
    const { node, overlayDevices } = this.#reconciler;
    return { lease: node.lease, device: node.device, overlayDevices };
  }

  /** Settings of a device, made in the namespace it lives in. */
  #setUpDevice(name: string): void {
    const { options, log, backend } = this.#context;
    if (backend.onDevice === undefined) return;
    const prepare = () => backend.onDevice!(name);
    try {
      const changed = options.netns === undefined
        ? prepare()
        : inNetns(options.netns, prepare);
      if (changed) log.info(`Set up ${name}`);
    } catch (error) {
      log.warning(`Cannot set up ${name}: ${String(error)}`);
    }
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
