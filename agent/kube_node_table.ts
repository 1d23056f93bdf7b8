/**
 * The cluster's nodes as leases.
 *
 * @module
 */
import type { Lease } from "../flannel/lease.ts";
import type { AnnotationNames } from "../stores/kubernetes/annotations.ts";
import type { KubeNode } from "../stores/kubernetes/node.ts";
import { type Families, nodeLease } from "../stores/kubernetes/node_lease.ts";
import type { Logger } from "./log.ts";
import type { LeaseEvent } from "./subnet_manager.ts";

/** Options of {@linkcode KubeNodeTable}. */
export interface KubeNodeTableOptions {
  readonly names: AnnotationNames;
  readonly families: Families;
  /** This host's node: of two nodes with one pod CIDR it is the one. */
  readonly nodeName: string;
  readonly log: Logger;
}

/** What is known of one node of the network. */
interface Entry {
  readonly name: string;
  readonly created: string;
  readonly cidrs: string;
  readonly lease: Lease;
}

/** Changes of leases that changes of nodes make. */
export class KubeNodeTable {
  readonly #options: KubeNodeTableOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #byKey = new Map<string, Set<string>>();
  /** Last trouble said, by node or key. */
  readonly #said = new Map<string, string>();

  constructor(options: KubeNodeTableOptions) {
    this.#options = options;
  }

  /** The leases there are: of nodes with one pod CIDR only one. */
  leases(): readonly Lease[] {
    return [...this.#byKey.keys()].map((key) => this.#winner(key)!);
  }

  /** As {@linkcode leases}, without the own one. */
  othersLeases(): readonly Lease[] {
    const own = this.#entries.get(this.#options.nodeName)?.lease;
    return this.leases().filter((lease) => lease !== own);
  }

  /** Takes all nodes in, and forgets the others. */
  replace(nodes: readonly KubeNode[]): void {
    const names = new Set(nodes.map(({ name }) => name));
    for (const name of [...this.#entries.keys()]) {
      if (!names.has(name)) this.#set(name, null);
    }
    for (const node of nodes) this.#set(node.name, this.#read(node));
  }

  /** Takes a node in; nothing when it is to the network what it was. */
  put(node: KubeNode): readonly LeaseEvent[] {
    const entry = this.#read(node);
    return this.#change(node.name, entry);
  }

  /** Takes a node out. */
  remove(name: string): readonly LeaseEvent[] {
    this.#said.delete(name);
    return this.#change(name, null);
  }

  #change(name: string, entry: Entry | null): readonly LeaseEvent[] {
    const before = this.#entries.get(name);
    const keys = new Set([before?.lease.key, entry?.lease.key]);
    const old = new Map([...keys].map((k) => [k, this.#winner(k)]));
    this.#set(name, entry);
    const events: LeaseEvent[] = [];
    for (const key of keys) {
      if (key === undefined) continue;
      const [was, now] = [old.get(key) ?? null, this.#winner(key)];
      if (now === null && was !== null) events.push({ type: "remove", key });
      if (now !== null && !isSame(was, now)) {
        events.push({ type: "put", lease: now });
      }
    }
    return events;
  }

  #set(name: string, entry: Entry | null): void {
    const before = this.#entries.get(name);
    if (before !== undefined) {
      const names = this.#byKey.get(before.lease.key);
      names?.delete(name);
      if (names?.size === 0) this.#byKey.delete(before.lease.key);
    }
    if (entry === null) {
      this.#entries.delete(name);
      return;
    }
    const { key } = entry.lease;
    this.#entries.set(name, entry);
    const names = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, names.add(name));
    if (names.size > 1) {
      this.#warn(
        `key ${key}`,
        `Nodes ${
          [...names].sort().join(" and ")
        } have one pod CIDR, ${key}: only one of them can be reached`,
      );
    }
  }

  /**
   * Of the nodes with one pod CIDR the own one; else the oldest, which had it
   * first.
   */
  #winner(key: string | undefined): Lease | null {
    const names = [...this.#byKey.get(key ?? "") ?? []];
    const own = names.find((name) => name === this.#options.nodeName);
    const entries = names.map((name) => this.#entries.get(name)!);
    const first =
      entries.sort((a, b) =>
        a.created.localeCompare(b.created) || a.name.localeCompare(b.name)
      )[0];
    return (own === undefined ? first : this.#entries.get(own))?.lease ?? null;
  }

  /** A node whose records are garbled stays what it was, if it is there. */
  #read(node: KubeNode): Entry | null {
    const { names, families } = this.#options;
    const { name, created } = node;
    const read = nodeLease(node, names, families);
    if (read.kind === "none") return null;
    if (read.problem === null) this.#said.delete(name);
    else this.#warn(name, read.problem);
    const cidrs = node.podCIDRs.join(",");
    if (read.kind === "lease") {
      return { name, created, cidrs, lease: read.lease };
    }
    const before = this.#entries.get(name);
    return before?.cidrs === cidrs ? before : null;
  }

  #warn(about: string, message: string): void {
    if (this.#said.get(about) === message) return;
    this.#said.set(about, message);
    this.#options.log.warning(message);
  }
}

function isSame(a: Lease | null, b: Lease): boolean {
  return a !== null &&
    JSON.stringify(a.attributes) === JSON.stringify(b.attributes);
}
