/**
 * Keeps the reconciler from fighting over an object of the kernel.
 *
 * @module
 */
import { readTextOrNull } from "../host/files.ts";
import type { MonitorEvent } from "../host/netlink/monitor_events.ts";
import type { Logger } from "./log.ts";
import type { Repair } from "./repair.ts";
import { Restraint } from "./restraint.ts";

/** Repairs of one object in a minute, after which somebody else wins. */
const MOST_REPAIRS = 10;
const WITHIN_MS = 60_000;

/** Who a netlink port belongs to, as far as that can still be seen. */
function ownerOf(port: number): string {
  // A process's first netlink socket gets its process id as port.
  const name = readTextOrNull(`/proc/${port}/comm`)?.trim();
  return name ? `${name} (pid ${port})` : `netlink port ${port}`;
}

/** Counts repairs, and says once who undoes them. */
export class RepairGuard {
  readonly #log: Logger;
  readonly #restraint = new Restraint({
    most: MOST_REPAIRS,
    withinMs: WITHIN_MS,
  });
  /** Who touched an object last. */
  #culprits = new Map<string, string>();
  /** When the first of the repairs not made may be made. */
  #due = Infinity;
  /** The last netlink port that was asked about, and whose it is. */
  #owner: readonly [number, string] = [0, "the kernel"];

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Notes who did something to a route that is wanted. */
  note(
    event: MonitorEvent,
    destinations: Pick<ReadonlySet<string>, "has">,
    ownPort: number,
  ): void {
    if (event.type !== "route" || event.port === ownPort) return;
    const { dst } = event.route;
    if (!destinations.has(dst)) return;
    if (this.#owner[0] !== event.port) {
      this.#owner = [event.port, ownerOf(event.port)];
    }
    this.#culprits.set(`route ${dst}`, this.#owner[1]);
  }

  /** Whether a repair may be made now. */
  allows({ key, why, found }: Repair): boolean {
    const what = `${key} ${why}`;
    const answer = this.#restraint.allow(what);
    if (answer === "yes") return true;
    const due = performance.now() + this.#restraint.dueMs(what);
    this.#due = Math.min(this.#due, due);
    if (answer === "no") return false;
    this.#log.error(
      `Somebody keeps changing ${key}: found ${
        found ?? "nothing"
      }, put right ${MOST_REPAIRS} times in a minute; slowing down`,
      { by: this.#culprits.get(key) },
    );
    return false;
  }

  /**
   * When to look again for what was held back, by `performance.now()`: nobody
   * tells when he stops taking a route away, and the host is without it.
   */
  get due(): number {
    return this.#due;
  }

  /** Forgets what has been quiet; for a look at everything. */
  prune(): void {
    this.#due = Infinity;
    this.#restraint.prune();
    if (this.#restraint.isEmpty) this.#culprits = new Map();
  }
}
