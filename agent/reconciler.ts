/**
 * Keeps the kernel as the records want it.
 *
 * @module
 */
import type { OverlayDevices } from "../flannel/overlay_devices.ts";
import { KERNEL_VXLAN_PORT } from "../flannel/expected_vxlan.ts";
import type { LocalNode } from "../flannel/expected_types.ts";
import type { Lease } from "../flannel/lease.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import type { MonitorEvent } from "../host/netlink/monitor_events.ts";
import { pause } from "../stores/backoff.ts";
import { DeviceKeeper } from "./device_keeper.ts";
import { isRelevant, type Watched } from "./event_filter.ts";
import { routedPeers } from "./expectation.ts";
import type { Kernel } from "./kernel.ts";
import type { LeaseTable } from "./lease_table.ts";
import type { Logger } from "./log.ts";
import { hostTroubles } from "./host_troubles.ts";
import type { Metrics } from "./metrics.ts";
import { leaseRefusal } from "./refused_lease.ts";
import { noteReconcile } from "./reconcile_metrics.ts";
import { planRepairs } from "./repair.ts";
import { RepairGuard } from "./repair_guard.ts";
import { RepairLog } from "./repair_log.ts";
import { isDone, RepairSender } from "./repair_sender.ts";
import { Waker } from "./waker.ts";
import { withoutDevice } from "./without_device.ts";
import { type View, Wanted } from "./wanted.ts";

/** Options of {@linkcode Reconciler}. */
export interface ReconcilerOptions {
  readonly kernel: Kernel;
  readonly config: NetworkConfig;
  readonly node: LocalNode;
  readonly leases: LeaseTable;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Puts settings of a tunnel device right, at every look. @default nothing */
  readonly onDevice?: (name: string) => void;
  /** Least milliseconds between looks when nothing happens. @default 30000 */
  readonly periodMs?: number;
  /** Milliseconds from a kernel event to the look at it. @default 20 */
  readonly settleMs?: number;
}

/** A look may take this part of the time at most while events go on. */
const SHARE = 5;
/** Whatever goes on: a repair comes within a second of its event. */
const LONGEST_SETTLE_MS = 500;

/**
 * At rest looks are so many times as far apart as one takes, a third of a
 * percent of a core, and no further than a minute. A look among 5,000 peers
 * takes 10 ms, with tunnels 30; where DirectRouting derives everything anew, or
 * the machine is slow, ten times that.
 */
const REST_FACTOR = 300;
const LONGEST_REST_MS = 60_000;

/** Compares expected and observed state and sends the difference. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #wanted: Wanted;
  readonly #guard: RepairGuard;
  readonly #said: RepairLog;
  readonly #sender: RepairSender;
  readonly #keeper: DeviceKeeper;
  readonly #queue = new Map<string, Lease | null>();
  /** The external interface and the tunnel devices. */
  #devices: ReadonlySet<string> = new Set();
  /** The same by ifindex. */
  #indexes: ReadonlySet<number> = new Set();
  #full = true;
  /** A device changed: what went with it was not taken away by anybody. */
  #deviceChanged = false;
  readonly #waker = new Waker();
  #problems: readonly string[] = ["The kernel has not been looked at yet"];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #started: number | null = null;
  /** End and duration of the last full look, milliseconds. */
  #last = { end: -Infinity, took: 0 };

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#wanted = new Wanted(options);
    this.#guard = new RepairGuard(options.log);
    this.#said = new RepairLog(options.log);
    this.#sender = new RepairSender({
      ...options,
      guard: this.#guard,
      said: this.#said,
    });
    this.#keeper = new DeviceKeeper({
      ...options,
      sender: this.#sender,
      said: this.#said,
    });
  }

  /** What is not as it should be; empty when all is well. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Devices by which packets to other hosts' containers leave, by family. */
  get overlayDevices(): OverlayDevices {
    return this.#wanted.overlayDevices;
  }

  /** How long the look that is going on has taken; 0 between looks, ms. */
  get busyMs(): number {
    return this.#started === null ? 0 : performance.now() - this.#started;
  }

  /** The host as it is compared for. */
  get node(): LocalNode {
    return this.#wanted.node;
  }

  /** Sets the own lease; everything is looked at again. */
  setNode(node: LocalNode): void {
    this.#wanted.node = node;
    this.requestFull();
  }

  /** Any of the leases may be another one now. */
  peersChanged(): void {
    this.#wanted.invalidate();
    this.requestFull();
  }

  /** A peer's lease was written; the table has it already. */
  peerPut(lease: Lease): void {
    if (this.#isSpecial(lease)) return this.peersChanged();
    this.#queue.set(lease.key, lease);
    this.#waker.wake();
  }

  /** A peer's lease is gone, from the table too. */
  peerGone(lease: Lease): void {
    if (this.#isSpecial(lease)) return this.peersChanged();
    this.#queue.set(lease.key, null);
    this.#waker.wake();
  }

  /** Whether a lease can only be judged beside all others. */
  #isSpecial(lease: Lease): boolean {
    const { config, leases } = this.#options;
    return config.vxlan?.directRouting === true || leases.isContested(lease) ||
      leaseRefusal(this.node, config)(lease) !== null;
  }

  /** Everything is to be looked at. */
  requestFull(): void {
    this.#full = true;
    this.#waker.wake();
  }

  /** Events of the kernel; those that concern us ask for a full look. */
  kernelChanged(events: readonly MonitorEvent[]): void {
    const { port } = this.#options.kernel;
    const { book } = this.#wanted;
    const { vxlan } = this.#options.config;
    const watched: Watched = {
      destinations: book,
      devices: this.#devices,
      indexes: this.#indexes,
      port: vxlan === undefined ? null : vxlan.port || KERNEL_VXLAN_PORT,
      onLink: vxlan?.directRouting === true,
      fdbDestination: (entry) => book.fdbDestination(entry),
    };
    const hits = events.filter((event) => isRelevant(event, watched, port));
    if (hits.length === 0) return;
    for (const event of hits) {
      this.#guard.note(event, watched.destinations, port);
      if (event.type === "link" || event.type === "address") {
        this.#deviceChanged = true;
      }
    }
    this.#settle();
  }

  /** A look soon: at once after quiet, less often while events go on. */
  #settle(): void {
    if (this.#timer !== undefined) return;
    const { end, took } = this.#last;
    const pauseMs = Math.min(took * SHARE, LONGEST_SETTLE_MS);
    const next = end + pauseMs - performance.now();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.requestFull();
    }, Math.max(this.#options.settleMs ?? 20, next));
  }

  /** Milliseconds to the next look when nothing happens. */
  #period(): number {
    const { periodMs = 30_000 } = this.#options;
    const quiet = Math.min(this.#last.took * REST_FACTOR, LONGEST_REST_MS);
    return Math.max(periodMs, quiet);
  }

  /** Works until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        const isIdle = !this.#full && this.#queue.size === 0;
        await (isIdle ? this.#rest(signal) : this.#work(signal));
      }
    } finally {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  /** Looks until a full look went through, or the signal aborts. */
  async first(signal: AbortSignal): Promise<void> {
    this.#full = true;
    while (this.#full && !signal.aborted) await this.#work(signal);
  }

  /** One look, full or fast; a kernel that refuses is asked again. */
  async #work(signal: AbortSignal): Promise<void> {
    try {
      this.#started = performance.now();
      if (this.#full) await this.#look();
      else await this.#fast();
      this.#said.over("kernel");
    } catch (error) {
      if (error instanceof TypeError) throw error;
      const message = error instanceof Error ? error.message : String(error);
      this.#problems = [message];
      this.#said.trouble("kernel", message);
      await pause(1_000, signal);
      this.#full = true;
    } finally {
      this.#started = null;
    }
  }

  /**
   * Waits for work; a full look is due after a period without any, and when a
   * repair that was held back may be made.
   */
  async #rest(signal: AbortSignal): Promise<void> {
    const { leases } = this.#options;
    const due = Math.min(this.#last.end + this.#period(), this.#guard.due);
    const wait = Math.max(0, due - performance.now());
    // Held leases go a second after their time, not a period after it.
    await this.#waker.wait(
      leases.holding ? Math.min(wait, 1_000) : wait,
      signal,
    );
    this.#expire();
    if (performance.now() >= due) this.#full = true;
  }

  /** Lets held leases go whose time is over. */
  #expire(): void {
    if (this.#options.leases.expire()) this.peersChanged();
  }

  /** One full look, and the repairs that follow from it. */
  async #look(): Promise<void> {
    const started = performance.now();
    const { metrics, config } = this.#options;
    this.#expire();
    this.#full = false;
    for (const [key, lease] of this.#queue) this.#wanted.change(key, lease);
    this.#queue.clear();
    this.#guard.prune();
    // What is missing at the start was not taken away by anybody.
    const flapped = this.#deviceChanged || this.#last.took === 0;
    this.#deviceChanged = false;
    const { node } = this;
    const kept = await this.#keeper.keep(
      this.#view(),
      node,
      () => this.#view(),
    );
    this.#watch(kept.view);
    const { expected, observed, all } = kept.view;
    const { refused, book } = this.#wanted;
    const { repairs: planned, conflicts } = planRepairs({
      expected,
      observed,
      config,
      node,
      ...all === null ? {} : { all },
    });
    const { repairs, waiting } = withoutDevice(planned, kept.view);
    // What went with a device was not taken away one by one.
    const restrained = !kept.remade && !flapped;
    const outstanding = [
      ...kept.outstanding,
      ...await this.#sender.send(repairs, restrained),
    ];
    const troubles = [
      ...conflicts,
      ...hostTroubles(node, observed.addresses, refused),
    ];
    for (const { key, message, kind } of troubles) {
      this.#said.trouble(key, message);
      outstanding.push({ kind, message });
    }
    const keys = [...repairs, ...troubles].map(({ key }) => key);
    this.#said.overBut(new Set([...kept.keys, ...keys]));
    this.#problems = outstanding.map(({ message }) => message);
    const { devices, ignored } = expected;
    noteReconcile(metrics, {
      wanted: { ...book.counts, device: devices.length },
      ignored,
      outstanding: [...outstanding, ...waiting],
    });
    this.#said.ignored(ignored);
    const end = performance.now();
    this.#last = { end, took: end - started };
    metrics.add("flandoc_reconciles_total", 1, { scope: "full" });
    metrics.set("flandoc_reconcile_seconds", (end - started) / 1000);
  }

  /** Leases of other hosts that are routed to. */
  peers(): readonly Lease[] {
    const { config, leases } = this.#options;
    return routedPeers(config, this.node, leases.effective());
  }

  #view(): View {
    return this.#wanted.view(this.#options.kernel);
  }

  /** Notes the devices of which everything is to be known. */
  #watch({ expected, observed }: View): void {
    this.#devices = new Set([
      this.node.device,
      ...expected.devices.map((d) => d.name),
      // Other legs of this host, where DirectRouting uses them.
      ...this.#options.config.vxlan?.directRouting
        ? expected.routes.map(({ device }) => device ?? this.node.device)
        : [],
    ]);
    this.#indexes = new Set([
      ...this.#keeper.indexes,
      ...observed.links.filter(({ name }) => this.#devices.has(name))
        .map(({ index }) => index),
    ]);
  }

  /** Changes of single peers, without looking at the kernel first. */
  async #fast(): Promise<void> {
    const { kernel, metrics } = this.#options;
    const batch = [...this.#queue];
    this.#queue.clear();
    const changes = [];
    for (const [key, lease] of batch) {
      const steps = this.#wanted.change(key, lease);
      if (steps === null) return this.requestFull();
      changes.push(...steps);
    }
    if (this.#full || changes.length === 0) return;
    const results = await kernel.apply(changes, { sameDevices: true });
    const failed = results.some((result) => !isDone(result));
    metrics.add("flandoc_reconciles_total", 1, { scope: "peer" });
    // Something is in the way: the full look finds out what.
    if (failed) this.requestFull();
  }
}
