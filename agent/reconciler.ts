/**
 * Keeps the kernel as the records want it.
 *
 * @module
 */
import { expectedState } from "../flannel/expected.ts";
import type { ExpectedState, LocalNode } from "../flannel/expected_types.ts";
import type { Lease } from "../flannel/lease.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { onLinkBy } from "../flannel/on_link.ts";
import type { ChangeResult } from "../host/netlink/changes.ts";
import type { MonitorEvent } from "../host/netlink/monitor_events.ts";
import { planDevice } from "./device_plan.ts";
import { isRelevant, type Watched } from "./event_filter.ts";
import { type Kernel, observe, type ObservedState } from "./kernel.ts";
import type { LeaseTable } from "./lease_table.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { peerChanges, type PeerState, peerStateOf } from "./peer_changes.ts";
import { planRepairs, type Repair } from "./repair.ts";
import { Restraint } from "./restraint.ts";
import { pause } from "../stores/backoff.ts";
import { readTextOrNull } from "../host/files.ts";

/** Options of {@linkcode Reconciler}. */
export interface ReconcilerOptions {
  readonly kernel: Kernel;
  readonly config: NetworkConfig;
  readonly node: LocalNode;
  readonly leases: LeaseTable;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Prepares a device after it was made. @default nothing */
  readonly onDevice?: (name: string) => void;
  /** Milliseconds between full looks when nothing happens. @default 30000 */
  readonly periodMs?: number;
  /** Milliseconds from a kernel event to the look at it. @default 20 */
  readonly settleMs?: number;
}

/** Errors of a delete that say: it is gone already. */
const GONE: readonly string[] = ["ESRCH", "ENOENT", "EADDRNOTAVAIL", "ENODEV"];

/** Who a netlink port belongs to, as far as that can still be seen. */
function culprit(port: number): string {
  if (port === 0) return "the kernel";
  // A process's first netlink socket gets its process id as port.
  const name = readTextOrNull(`/proc/${port}/comm`)?.trim();
  return name ? `${name} (pid ${port})` : `netlink port ${port}`;
}

/** What became of an object, by why it was touched. */
const SAID: Readonly<Record<Repair["why"], string>> = {
  missing: "Added",
  wrong: "Corrected",
  stale: "Removed",
  adopt: "Adopted",
};

/** Repairs of one object in a minute, after which somebody else wins. */
const MOST_REPAIRS = 10;

/** Compares expected and observed state and sends the difference. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #restraint = new Restraint({
    most: MOST_REPAIRS,
    withinMs: 60_000,
  });
  /** Last trouble said by object, so that each is said once. */
  readonly #said = new Map<string, string>();
  /** What each peer needs, as last sent. */
  readonly #peers = new Map<string, PeerState>();
  readonly #queue = new Map<string, Lease | null>();
  #node: LocalNode;
  #watched: Watched = { destinations: new Set(), devices: new Set() };
  #full = true;
  #held = 0;
  readonly #culprits = new Map<string, string>();
  #wake: () => void = () => {};
  #problems: readonly string[] = ["The kernel has not been looked at yet"];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#node = options.node;
  }

  /** What is not as it should be; empty when all is well. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** The host as it is compared for. */
  get node(): LocalNode {
    return this.#node;
  }

  /** Sets the own lease; everything is looked at again. */
  setNode(node: LocalNode): void {
    this.#node = node;
    this.requestFull();
  }

  /** A peer's lease was written (null: is gone); the table has it already. */
  peerChanged(key: string, lease: Lease | null): void {
    this.#queue.set(key, lease);
    this.#wake();
  }

  /** Everything is to be looked at. */
  requestFull(): void {
    this.#full = true;
    this.#wake();
  }

  /** Events of the kernel; those that concern us ask for a full look. */
  kernelChanged(events: readonly MonitorEvent[]): void {
    const { port } = this.#options.kernel;
    const hit = events.find((e) => isRelevant(e, this.#watched, port));
    if (hit === undefined) return;
    for (const event of events) this.#rememberCulprit(event, port);
    this.#settle();
  }

  /** Who changed a route of ours last, to be named if it goes on. */
  #rememberCulprit(event: MonitorEvent, port: number): void {
    if (event.type !== "route" || event.port === port) return;
    if (!this.#watched.destinations.has(event.route.dst)) return;
    this.#culprits.set(`route ${event.route.dst}`, culprit(event.port));
  }

  #settle(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.requestFull();
    }, this.#options.settleMs ?? 20);
  }

  /** Works until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const period = this.#options.periodMs ?? 30_000;
    const onAbort = () => this.#wake();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        if (!this.#full && this.#queue.size === 0) {
          await this.#sleep(period, signal);
        } else await this.#work(signal);
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }

  /** One look, full or fast; a kernel that refuses is asked again. */
  async #work(signal: AbortSignal): Promise<void> {
    try {
      if (this.#full) await this.full();
      else await this.#fast();
      this.#said.delete("kernel");
    } catch (error) {
      if (error instanceof TypeError) throw error;
      const message = error instanceof Error ? error.message : String(error);
      this.#problems = [message];
      this.#sayOnce("kernel", message);
      await pause(1_000, signal);
      this.#full = true;
    }
  }

  /** Waits for work; after a period without any a full look is due. */
  #sleep(period: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      // Held leases go a second after their time, not a period after it.
      const holding = this.#options.leases.holding;
      const wait = holding ? Math.min(period, 1_000) : period;
      const timer = setTimeout(() => {
        this.#full = true;
        this.#wake();
      }, wait);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
      if (signal.aborted) this.#wake();
    });
  }

  /** One full look, and the repairs that follow from it. */
  async full(): Promise<void> {
    const started = performance.now();
    const { kernel, metrics, leases, config } = this.#options;
    this.#full = false;
    this.#queue.clear();
    leases.expire();
    this.#restraint.prune();
    const tunnels = config.backendType === "vxlan";
    this.#held = 0;
    let observed = observe(kernel, tunnels);
    let expected = this.#expect(observed);
    const problems: string[] = [];
    const remade = await this.#repairDevices(expected, observed, problems);
    if (remade) {
      observed = observe(kernel, tunnels);
      expected = this.#expect(observed);
    }
    const { repairs, conflicts } = planRepairs({
      expected,
      observed,
      config,
      node: this.#node,
    });
    // What went with a device was not taken away one by one.
    problems.push(...await this.#apply(repairs, !remade));
    for (const { key, message } of conflicts) {
      this.#sayOnce(key, message);
      problems.push(message);
    }
    this.#forget(repairs, conflicts);
    this.#problems = problems;
    this.#note(expected, problems);
    metrics.add("flandoc_reconciles_total", 1, { scope: "full" });
    const seconds = (performance.now() - started) / 1000;
    metrics.set("flandoc_reconcile_seconds", seconds);
  }

  #expect(observed: ObservedState): ExpectedState {
    const { config, leases } = this.#options;
    const result = expectedState({
      config,
      leases: leases.effective(),
      node: this.#node,
      isOnLink: onLinkBy(
        config.vxlan?.directRouting ? observed.routes : [],
      ),
    });
    if ("unmodelled" in result) {
      throw new TypeError(`Cannot run backend "${result.unmodelled}"`);
    }
    const { state } = result;
    this.#peers.clear();
    for (const [key, peer] of peerStateOf(state)) this.#peers.set(key, peer);
    this.#watched = {
      destinations: new Set(state.routes.map((r) => r.dst)),
      devices: new Set([
        this.#node.device,
        ...state.devices.map((d) => d.name),
      ]),
    };
    return state;
  }

  /** Puts the tunnel devices right; whether any was changed. */
  async #repairDevices(
    expected: ExpectedState,
    observed: ObservedState,
    problems: string[],
  ): Promise<boolean> {
    const { config, onDevice } = this.#options;
    const repairs = expected.devices.filter((d) => d.kind === "vxlan")
      .flatMap((d) => planDevice(d, observed, config, this.#node));
    if (repairs.length === 0) return false;
    problems.push(...await this.#apply(repairs));
    for (const { change } of repairs) {
      if (change.kind === "link" && change.op === "add") {
        onDevice?.(change.name);
      }
    }
    return true;
  }

  /** Sends what restraint allows; what is left wrong, in words. */
  async #apply(
    repairs: readonly Repair[],
    restrained = true,
  ): Promise<string[]> {
    const problems: string[] = [];
    const allowed = repairs.filter((repair) => {
      if (!restrained || this.#isAllowed(repair)) return true;
      problems.push(`${repair.key} is kept wrong by somebody`);
      this.#held++;
      return false;
    });
    if (allowed.length === 0) return problems;
    const results = await this.#options.kernel.apply(
      allowed.map((repair) => repair.change),
    );
    const done: Repair[] = [];
    for (const [index, result] of results.entries()) {
      const repair = allowed[index]!;
      const problem = this.#judge(repair, result);
      if (problem !== null) problems.push(problem);
      else done.push(repair);
    }
    this.#tell(done);
    return problems;
  }

  #isAllowed(repair: Repair): boolean {
    // A peer that cannot be reached is tried at every look, quietly.
    if (repair.why === "adopt" || this.#said.has(repair.key)) return true;
    const answer = this.#restraint.allow(`${repair.key} ${repair.why}`);
    if (answer === "yes") return true;
    if (answer === "last") {
      const who = this.#culprits.get(repair.key);
      this.#options.log.error(
        `Somebody keeps changing ${repair.key}: found ${
          repair.found ?? "nothing"
        }, put right ${MOST_REPAIRS} times in a minute; slowing down`,
        { by: who },
      );
    }
    return false;
  }

  #judge(repair: Repair, { error }: ChangeResult): string | null {
    const { metrics } = this.#options;
    const { kind, why, key } = repair;
    if (error === null) {
      this.#said.delete(key);
      metrics.add("flandoc_repairs_total", 1, { kind, why });
      return null;
    }
    if (
      repair.change.op === "delete" &&
      GONE.includes(error.code)
    ) return null;
    metrics.add("flandoc_repair_errors_total", 1, { kind });
    const message = `Cannot write ${key}: ${error.message}`;
    this.#sayOnce(key, message);
    return message;
  }

  #sayOnce(key: string, message: string): void {
    if (this.#said.get(key) === message) return;
    this.#said.set(key, message);
    this.#options.log.error(message);
  }

  /** Trouble that is over may be said again when it comes back. */
  #forget(
    repairs: readonly Repair[],
    conflicts: readonly { readonly key: string }[],
  ): void {
    const now = new Set([...repairs, ...conflicts].map(({ key }) => key));
    for (const key of this.#said.keys()) {
      if (!now.has(key)) this.#said.delete(key);
    }
  }

  /** A few repairs are told one by one, many by their number. */
  #tell(done: readonly Repair[]): void {
    const { log } = this.#options;
    if (done.length > 10) {
      const counts: Record<string, number> = {};
      for (const { kind, why } of done) {
        const name = `${kind}-${why}`;
        counts[name] = (counts[name] ?? 0) + 1;
      }
      log.info("Made the kernel as the records want it", counts);
      return;
    }
    for (const { key, why, found } of done) {
      log.info(`${SAID[why]} ${key}`, { found: found ?? undefined });
    }
  }

  #note(expected: ExpectedState, problems: readonly string[]): void {
    const { metrics, leases, log } = this.#options;
    metrics.set("flandoc_leases", leases.size);
    const wanted = {
      route: expected.routes.length,
      neighbour: expected.neighbours.length,
      fdb: expected.fdb.length,
      device: expected.devices.length,
    };
    for (const [kind, count] of Object.entries(wanted)) {
      metrics.set("flandoc_wanted", count, { kind });
    }
    metrics.set("flandoc_outstanding", problems.length);
    metrics.set("flandoc_held_back", this.#held);
    for (const reason of ["backend-type", "backend-data", "no-subnet"]) {
      const ignored = expected.ignored.filter((i) => i.reason === reason);
      metrics.set("flandoc_peers_ignored", ignored.length, { reason });
      for (const { peer } of ignored) {
        const key = `ignored ${peer.key}`;
        const message =
          `Ignoring lease ${peer.key} of ${peer.attributes.publicIP}: ${reason} ${
            peer.attributes.backendType || "none"
          }`;
        if (this.#ignored.get(key) === message) continue;
        this.#ignored.set(key, message);
        log.warning(message);
      }
    }
  }

  readonly #ignored = new Map<string, string>();

  /** Changes of single peers, without looking at the kernel first. */
  async #fast(): Promise<void> {
    const { kernel, metrics, leases, config } = this.#options;
    const batch = [...this.#queue];
    this.#queue.clear();
    const changes = [];
    for (const [key, lease] of batch) {
      // DirectRouting and rivals for one subnet need the whole picture.
      if (
        config.vxlan?.directRouting ||
        (lease !== null && leases.isContested(lease))
      ) return this.requestFull();
      const before = this.#peers.get(key) ?? null;
      const after = this.#peerState(lease);
      if (after === null) this.#peers.delete(key);
      else this.#peers.set(key, after);
      this.#watch(before, after);
      changes.push(...peerChanges(before, after));
    }
    if (changes.length === 0) return;
    const results = await kernel.apply(changes);
    const failed = results.some(({ change, error }) =>
      error !== null && !(change.op === "delete" &&
        GONE.includes(error.code))
    );
    metrics.add("flandoc_reconciles_total", 1, { scope: "peer" });
    metrics.set("flandoc_leases", leases.size);
    // Something is in the way: the full look finds out what.
    if (failed) this.requestFull();
  }

  #peerState(lease: Lease | null): PeerState | null {
    if (lease === null) return null;
    const result = expectedState({
      config: this.#options.config,
      leases: [lease],
      node: this.#node,
    });
    if ("unmodelled" in result) return null;
    if (result.state.ignored.length > 0) this.requestFull();
    return peerStateOf(result.state).get(lease.key) ?? null;
  }

  #watch(before: PeerState | null, after: PeerState | null): void {
    const destinations = this.#watched.destinations as Set<string>;
    for (const { dst } of before?.routes ?? []) destinations.delete(dst);
    for (const { dst } of after?.routes ?? []) destinations.add(dst);
  }
}
