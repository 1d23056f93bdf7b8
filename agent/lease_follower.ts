/**
 * Follows what the store tells of leases.
 *
 * @module
 */
import type { Lease } from "../flannel/lease.ts";
import { LeaseTable } from "./lease_table.ts";
import { MassRemoval } from "./mass_removal.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { LeaseEvent, OwnLease } from "./subnet_manager.ts";

/** Options of {@linkcode LeaseFollower}. */
export interface LeaseFollowerOptions {
  /** The lease that was acquired. */
  readonly own: OwnLease;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** How long peers stay that a doubtful list lacks, ms. @default 300000 */
  readonly holdMs?: number;
}

/** Who is told of changes; the table of leases has them already. */
export interface LeaseListener {
  peerPut(lease: Lease): void;
  peerGone(lease: Lease): void;
  /** Anything may have changed. */
  peersChanged(): void;
  /** After each change of any lease. */
  leasesChanged(): void;
  /** The own subnet is another one. */
  ownChanged(lease: Lease): void;
}

/** How a lease was come by, for people. */
const FROM: Readonly<Record<OwnLease["from"], string>> = {
  reuse: "Found our lease in the store, reusing it",
  previous: "Took our previous subnet again",
  free: "Allocated a subnet",
  assigned: "Got a subnet",
};

/** The subnets of a lease, for people. */
export function subnetsText({ subnet, ipv6Subnet }: Lease): string {
  return [subnet, ipv6Subnet].filter(Boolean).join(" and ");
}

/** Keeps the table of leases and the own lease as the store tells. */
export class LeaseFollower {
  readonly leases: LeaseTable;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #first = Promise.withResolvers<void>();
  readonly #mass = new MassRemoval();
  /** Keys of leases that were deleted in the message that is being read. */
  readonly #going = new Set<string>();
  #listener: LeaseListener | null = null;
  #own: OwnLease;
  #lost: { readonly reason: string; readonly isTaken: boolean } | null = null;

  constructor({ own, log, metrics, holdMs = 300_000 }: LeaseFollowerOptions) {
    this.leases = new LeaseTable({ holdMs });
    this.#log = log;
    this.#metrics = metrics;
    this.#own = own;
    this.#tellOwn(own);
  }

  /** The own lease as it was written last. */
  get own(): OwnLease {
    return this.#own;
  }

  /** Whether the own lease is gone or another's. */
  get isLost(): boolean {
    return this.#lost !== null;
  }

  /**
   * How many leases the records have. A lost one stays in the table, as the
   * data path does, and is none unless another's is in its place.
   */
  get stored(): number {
    const { key } = this.#own.lease;
    const isGone = this.#lost?.isTaken === false &&
      this.leases.get(key) !== null && !this.leases.isHeld(key);
    return this.leases.stored - (isGone ? 1 : 0);
  }

  /** Resolves with the first list of leases. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  /** Why the own lease is not valid; empty when it is. */
  get problems(): readonly string[] {
    const { expires } = this.#own;
    const over = expires !== null && expires <= performance.now();
    return [
      ...this.#lost === null ? [] : [this.#lost.reason],
      ...over ? ["Our lease has expired"] : [],
    ];
  }

  /** Who is told from now on. */
  connect(listener: LeaseListener): void {
    this.#listener = listener;
  }

  /** Takes one event. */
  readonly take = (event: LeaseEvent): void => {
    this.#metrics.add("flandoc_lease_events_total", 1, { type: event.type });
    switch (event.type) {
      case "snapshot":
        this.#takeList(event.leases, event.trusted);
        break;
      case "put":
        if (!this.#takePut(event.lease)) return;
        break;
      case "remove":
        // Deletions of one transaction come in one message.
        if (this.#going.size === 0) setTimeout(() => this.#takeGoing());
        this.#going.add(event.key);
        return;
      case "own":
        this.#takeOwn(event.own);
        break;
      case "lost":
        this.#metrics.add("flandoc_lease_losses_total");
        this.#lost = { isTaken: false, ...event };
        return;
      case "store":
        this.#metrics.set("flandoc_store_up", event.error === null ? 1 : 0);
        if (event.error !== null) {
          this.#metrics.add("flandoc_store_errors_total");
        }
        return;
    }
    this.#listener?.leasesChanged();
  };

  /** Whether anything is different now. */
  #takePut(lease: Lease): boolean {
    this.#going.delete(lease.key);
    this.#mass.forget(lease.key);
    for (const old of this.leases.overtaken(lease)) this.#remove(old);
    if (!this.leases.put(lease)) return false;
    const isOurs = lease.key === this.#own.lease.key;
    const what = isOurs
      ? "The record of our own subnet is new"
      : "Subnet added";
    this.#log.info(`${what}: ${subnetsText(lease)}`, {
      via: lease.attributes.publicIP,
      ipv6Via: lease.attributes.publicIPv6 ?? undefined,
    });
    this.#listener?.peerPut(lease);
    return true;
  }

  #remove(lease: Lease): void {
    if (this.leases.remove(lease.key) === null) return;
    this.#log.info(`Subnet removed: ${subnetsText(lease)}`);
    this.#listener?.peerGone(lease);
  }

  /** Takes out the leases that were deleted, unless they are most of all. */
  #takeGoing(): void {
    const going = [...this.#going].map((key) => this.leases.get(key))
      .filter((lease) => lease !== null);
    this.#going.clear();
    if (going.length === 0) return;
    const left = this.leases.size - going.length;
    if (!this.#mass.isDoubtful(going, left)) {
      for (const lease of going) this.#remove(lease);
      this.#listener?.leasesChanged();
      return;
    }
    const back = this.#mass.takeBack();
    const isKnown = this.leases.holding;
    for (const lease of back) this.leases.hold(lease);
    if (!isKnown) {
      this.#log.warning(
        "Most leases were deleted within a minute: were the records lost? Their peers stay for five minutes",
        { deleted: back.length },
      );
    }
    // Those before may be gone from the kernel.
    if (back.length === going.length) return;
    this.#listener?.peersChanged();
    this.#listener?.leasesChanged();
  }

  #takeList(leases: readonly Lease[], trusted: boolean): void {
    this.#going.clear();
    const missing = this.leases.replace(leases, trusted);
    if (missing > 0) {
      this.#log.warning(
        "The list of leases lacks ours, or most of them: were the records lost? Peers that are missing stay for five minutes",
        { missing },
      );
    }
    this.#listener?.peersChanged();
    this.#first.resolve();
  }

  #takeOwn(own: OwnLease): void {
    const before = this.#own.lease;
    const wasLost = this.#lost !== null;
    this.#own = own;
    this.#lost = null;
    this.#metrics.add("flandoc_renewals_total");
    if (wasLost) this.#tellOwn(own);
    if (before.key === own.lease.key) return;
    this.#log.error(
      `THIS HOST HAS ANOTHER SUBNET NOW: ${subnetsText(own.lease)} instead of ${
        subnetsText(before)
      }. Restart Docker (or the CNI's bridge and its pods): containers that run now have addresses that lead elsewhere`,
    );
    this.leases.remove(before.key);
    this.leases.put(own.lease);
    this.#listener?.ownChanged(own.lease);
  }

  #tellOwn({ lease, from }: OwnLease): void {
    this.#log.info(FROM[from], {
      subnet: lease.subnet ?? undefined,
      ipv6Subnet: lease.ipv6Subnet ?? undefined,
      ttl: lease.ttl,
    });
  }
}
