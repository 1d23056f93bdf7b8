/**
 * What the reconciler tells: each trouble once, repairs one by one while they
 * are few.
 *
 * @module
 */
import type { IgnoredPeer } from "../flannel/expected_types.ts";
import type { Logger } from "./log.ts";
import type { Repair } from "./repair.ts";

/** What became of an object, by why it was touched. */
const SAID: Readonly<Record<Repair["why"], string>> = {
  missing: "Added",
  wrong: "Corrected",
  stale: "Removed",
  adopt: "Adopted",
};

/** What was done; what is in the way of another object is taken away. */
function saidOf({ why, change }: Repair): string {
  return change.op === "delete" ? SAID.stale : SAID[why];
}

/** Why a peer is left alone, in words. */
const IGNORED: Readonly<Record<IgnoredPeer["reason"], string>> = {
  "own": "it carries our own address",
  "backend-type": "its backend type is another one",
  "backend-data": "its backend data name no VTEP MAC, or it has no address",
  "no-subnet": "it has no subnet of a family that the network has",
  "one-family":
    "for its other subnet its backend data name no VTEP MAC, or it has no address",
};

/** What becomes of a peer's lease. */
function fate({ peer, reason }: IgnoredPeer): string {
  const lease = `lease ${peer.key} of ${peer.attributes.publicIP}`;
  return reason === "one-family"
    ? `Reaching ${lease} by one family only`
    : `Ignoring ${lease}`;
}

/** Most repairs that get a line each. */
const MOST_LINES = 10;

/** Lines about repairs and troubles. */
export class RepairLog {
  readonly #log: Logger;
  /** Last trouble said by object. */
  readonly #said = new Map<string, string>();
  #ignored: ReadonlyMap<string, string> = new Map();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Whether an object is in trouble that has been said. */
  has(key: string): boolean {
    return this.#said.has(key);
  }

  /** Says a trouble unless it was the last said of its object. */
  trouble(key: string, message: string): void {
    if (this.#said.get(key) === message) return;
    this.#said.set(key, message);
    this.#log.error(message);
  }

  /** One object is well: its trouble may be said again when it comes back. */
  over(key: string): void {
    this.#said.delete(key);
  }

  /** Everything is well but these objects. */
  overBut(keys: ReadonlySet<string>): void {
    for (const key of this.#said.keys()) {
      if (!keys.has(key)) this.#said.delete(key);
    }
  }

  /** Tells what was done; many repairs by their number. */
  done(repairs: readonly Repair[]): void {
    if (repairs.length > MOST_LINES) {
      const counts: Record<string, number> = {};
      for (const { kind, why } of repairs) {
        const name = `${kind}-${why}`;
        counts[name] = (counts[name] ?? 0) + 1;
      }
      this.#log.info("Made the kernel as the records want it", counts);
      return;
    }
    for (const repair of repairs) {
      const { key, found } = repair;
      this.#log.info(`${saidOf(repair)} ${key}`, { found: found ?? undefined });
    }
  }

  /** Tells of peers that are left alone, each once for each reason. */
  ignored(peers: readonly IgnoredPeer[]): void {
    const now = new Map<string, string>();
    for (const one of peers) {
      if (one.reason === "own") continue;
      const { key, attributes } = one.peer;
      const text = `${fate(one)}: ${IGNORED[one.reason]}`;
      now.set(key, text);
      if (this.#ignored.get(key) === text) continue;
      this.#log.warning(text, {
        backendType: attributes.backendType || "none",
      });
    }
    this.#ignored = now;
  }
}
