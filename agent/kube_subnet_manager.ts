/**
 * Leases in Kubernetes: a node is a lease, its pod CIDR the subnet.
 *
 * @module
 */
import { parseIpv4, parseIpv6 } from "../flannel/address.ts";
import type { Lease, LeaseAttributes } from "../flannel/lease.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { formatSubnetKey } from "../flannel/subnet_key.ts";
import { Backoff } from "../stores/backoff.ts";
import type { AnnotationNames } from "../stores/kubernetes/annotations.ts";
import type { KubernetesClient } from "../stores/kubernetes/client.ts";
import { KubernetesError } from "../stores/kubernetes/kubernetes_error.ts";
import { listNodes, type NodeList } from "../stores/kubernetes/list_nodes.ts";
import type { KubeNode } from "../stores/kubernetes/node.ts";
import {
  differingAnnotations,
  wantedAnnotations,
} from "../stores/kubernetes/node_annotations.ts";
import { type Families, nodeLease } from "../stores/kubernetes/node_lease.ts";
import {
  type NodeEvent,
  watchNodes,
} from "../stores/kubernetes/watch_nodes.ts";
import { assignedCidrs, PodCidrError } from "./kube_assigned_cidrs.ts";
import { KubeNodeTable } from "./kube_node_table.ts";
import type { KubeOwnNode } from "./kube_own_node.ts";
import { Later } from "./later.ts";
import type { Logger } from "./log.ts";
import { Restraint } from "./restraint.ts";
import { Said } from "./said.ts";
import type {
  AcquireRequest,
  LeaseEvent,
  OwnLease,
  PublicAddresses,
  SubnetManager,
} from "./subnet_manager.ts";

/** Options of {@linkcode KubeSubnetManager}. */
export interface KubeSubnetManagerOptions {
  readonly client: KubernetesClient;
  readonly node: KubeOwnNode;
  readonly names: AnnotationNames;
  readonly log: Logger;
  /** File with the network config. */
  readonly netConfigPath: string;
  readonly setNodeNetworkUnavailable: boolean;
  /** flannel whose rules the config is read by. */
  readonly flannelVersion: string;
  /** Silence of a watch before a sign of life is asked for, milliseconds. */
  readonly pingMs?: number;
}

/** What is held of the own node. */
interface Held {
  readonly own: OwnLease;
  /** What the backend publishes, before overwrite annotations. */
  readonly attributes: LeaseAttributes;
  /** The annotations as they were left. */
  readonly written: Readonly<Record<string, string>>;
}

/** What a run works with. */
interface Session {
  readonly request: AcquireRequest;
  readonly sink: (event: LeaseEvent) => void;
  readonly signal: AbortSignal;
  readonly table: KubeNodeTable;
  readonly nodeName: string;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function familiesOf(config: NetworkConfig): Families {
  return { ipv4: config.enableIPv4, ipv6: config.enableIPv6 };
}

/** Leases in Kubernetes; see {@linkcode SubnetManager}. */
export class KubeSubnetManager implements SubnetManager {
  readonly #options: KubeSubnetManagerOptions;
  readonly #log: Logger;
  readonly #restraint = new Restraint({ most: 3, withinMs: 600_000 });
  #held: Held | null = null;
  #lost: string | null = null;
  #storeError: string | null = null;
  /** Wakes the keeper of the own node. */
  #wake = Promise.withResolvers<void>();
  readonly #later = new Later();

  constructor(options: KubeSubnetManagerOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  close(): void {
    this.#options.client.close();
  }

  /** Reads the mounted file. As flanneld, gives up when it cannot be used. */
  config(signal: AbortSignal): Promise<NetworkConfig> {
    signal.throwIfAborted();
    const { netConfigPath: path, flannelVersion } = this.#options;
    let text: string;
    try {
      text = Deno.readTextFileSync(path);
    } catch (error) {
      throw new Error(`failed to read net conf ${path}: ${messageOf(error)}`);
    }
    const { config, problems, unknownOptions, notCanonical } =
      parseNetworkConfig(text, { flannelVersion, store: "kubernetes" });
    if (config === null) {
      const why = problems.map(({ message }) => message).join("; ");
      throw new Error(`error parsing subnet config in ${path}: ${why}`);
    }
    for (const { option } of unknownOptions) {
      this.#log.warning(`The network config has an unknown option: ${option}`);
    }
    for (const { option, written, canonical } of notCanonical) {
      this.#log.warning(`${option} ${written} is taken as ${canonical}`);
    }
    return Promise.resolve(config);
  }

  /** The file as it is now; Kubernetes changes a mounted ConfigMap in place. */
  currentConfig(): Promise<NetworkConfig | null> {
    const { netConfigPath, flannelVersion } = this.#options;
    try {
      const text = Deno.readTextFileSync(netConfigPath);
      const options = { flannelVersion, store: "kubernetes" } as const;
      return Promise.resolve(parseNetworkConfig(text, options).config);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Addresses that annotations of the own node set, as --public-ip would. */
  async publicAddresses(signal: AbortSignal): Promise<PublicAddresses> {
    const { names } = this.#options;
    const { annotations } = await this.#insist(
      "read our node",
      (s) => this.#options.node.get(s),
      signal,
    );
    const given = (name: string, isAddress: (text: string) => boolean) => {
      const text = annotations[name] ?? "";
      if (text === "" || isAddress(text)) return text;
      throw new Error(`Annotation ${name} is no address: "${text}"`);
    };
    const publicIP = given(names.nodePublicIP, (t) => parseIpv4(t) !== null);
    const publicIPv6 = given(
      names.nodePublicIPv6,
      (t) => parseIpv6(t) !== null,
    );
    const publicIPFrom = `annotation ${names.nodePublicIP}`;
    const publicIPv6From = `annotation ${names.nodePublicIPv6}`;
    return {
      ...publicIP === "" ? {} : { publicIP, publicIPFrom },
      ...publicIPv6 === "" ? {} : { publicIPv6, publicIPv6From },
    };
  }

  /** Takes the node's pod CIDRs. Throws a {@linkcode PodCidrError}. */
  async acquire(
    request: AcquireRequest,
    signal: AbortSignal,
  ): Promise<OwnLease> {
    return await this.#insist("acquire a lease", async (s) => {
      const node = await this.#options.node.get(s);
      return (await this.#take(node, request, s)).own;
    }, signal);
  }

  /** Tries until it works, unless trying is of no use. */
  async #insist<T>(
    what: string,
    work: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const said = new Said(this.#log);
    const backoff = new Backoff(500, 10_000);
    for (;;) {
      signal.throwIfAborted();
      try {
        return await work(signal);
      } catch (error) {
        signal.throwIfAborted();
        const hopeless = !(error instanceof KubernetesError) ||
          error.kind === "config";
        if (hopeless) throw error;
        said.warn(`Cannot ${what} yet: ${error.message}`);
        await backoff.wait(signal);
      }
    }
  }

  /** Writes what differs to the node, and holds its lease from now on. */
  async #take(
    node: KubeNode,
    request: AcquireRequest,
    signal: AbortSignal,
  ): Promise<Held> {
    const { names } = this.#options;
    const { subnet, ipv6Subnet } = assignedCidrs(node, request.config);
    const attributes = request.attributes(this.#leaseOf(node, request));
    const wanted = wantedAnnotations(attributes, names, node);
    const after = await this.#write(node, wanted, signal);
    const read = this.#leaseOf(after, request);
    const key = formatSubnetKey(subnet, ipv6Subnet);
    const lease: Lease = {
      key,
      subnet,
      ipv6Subnet,
      // An overwrite annotation replaces the address, if it is one.
      attributes: read?.key === key ? read.attributes : attributes,
      ttl: null,
    };
    const own: OwnLease = { lease, expires: null, from: "assigned" };
    return this.#held = { own, attributes, written: wanted };
  }

  #leaseOf(node: KubeNode, { config }: AcquireRequest): Lease | null {
    const { names } = this.#options;
    const annotations = { ...node.annotations, [names.subnetManager]: "true" };
    const read = nodeLease(
      { ...node, annotations },
      names,
      familiesOf(config),
    );
    return read.kind === "lease" ? read.lease : null;
  }

  /** Patches only what is not so yet. */
  async #write(
    node: KubeNode,
    wanted: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<KubeNode> {
    const differing = differingAnnotations(wanted, node);
    if (Object.keys(differing).length === 0) return node;
    this.#log.debug("Writing annotations", differing);
    return await this.#options.node.annotate(differing, signal);
  }

  async run(
    request: AcquireRequest,
    own: OwnLease,
    sink: (event: LeaseEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#held?.own !== own) {
      throw new TypeError("Cannot keep lease: it was not acquired here");
    }
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const nodeName = await this.#options.node.name(signal);
    const { names, log } = this.#options;
    const families = familiesOf(request.config);
    const table = new KubeNodeTable({ names, families, nodeName, log });
    const session = { request, sink, signal: both, table, nodeName };
    try {
      await Promise.all(
        [this.#watch(session), this.#keep(session)].map((part) =>
          part.catch((error) => {
            stop.abort();
            throw error;
          })
        ),
      );
    } finally {
      stop.abort();
    }
  }

  #say(session: Session, error: string | null): void {
    if (error === this.#storeError) return;
    this.#storeError = error;
    if (error === null) this.#log.info("The Kubernetes API answers again");
    else this.#log.warning(`The Kubernetes API is of no help: ${error}`);
    session.sink({ type: "store", error });
  }

  async #watch(session: Session): Promise<void> {
    const { client, pingMs } = this.#options;
    const { signal, nodeName, request } = session;
    // With alloc there is nothing to be done about other nodes.
    const selection = request.config.backendType === "alloc"
      ? { name: nodeName }
      : {};
    const backoff = new Backoff(200, 30_000);
    while (!signal.aborted) {
      try {
        const list = await listNodes(client, selection, signal);
        this.#say(session, null);
        this.#snapshot(list, session);
        backoff.reset();
        const events = watchNodes(client, list.resourceVersion, signal, {
          ...selection,
          ...pingMs === undefined ? {} : { pingMs },
          ping: async () => void await this.#options.node.get(signal),
          onOpen: () => this.#say(session, null),
          onRetry: (error) => this.#say(session, error.message),
        });
        for await (const event of events) this.#event(event, session);
      } catch (error) {
        if (signal.aborted) return;
        this.#say(session, messageOf(error));
        await backoff.wait(signal);
      }
    }
  }

  #snapshot({ nodes }: NodeList, session: Session): void {
    const { table, nodeName } = session;
    table.replace(nodes);
    const node = nodes.find(({ name }) => name === nodeName);
    // A subnet that is ours only from now on is no peer's in the meantime.
    const leases = node !== undefined && this.#hasOurCidrs(node, session)
      ? table.leases()
      : table.othersLeases();
    session.sink({ type: "snapshot", leases, trusted: node !== undefined });
    this.#check(node, session);
  }

  #event(event: NodeEvent, session: Session): void {
    this.#say(session, null);
    if (event.type === "reset") return this.#snapshot(event.list, session);
    const { table, sink, nodeName } = session;
    const put = event.type === "put";
    const name = put ? event.node.name : event.name;
    const changes = put ? table.put(event.node) : table.remove(name);
    const own = name === nodeName;
    // What else comes of it the keeper of the own node will tell.
    const held = own && !(put && this.#hasOurCidrs(event.node, session));
    if (!held) changes.forEach(sink);
    if (own) this.#check(put ? event.node : undefined, session);
  }

  /** Has the own node looked at when it is not as it was left. */
  #check(node: KubeNode | undefined, session: Session): void {
    if (node === undefined || !this.#isAsWanted(node, session)) {
      this.#wake.resolve();
    }
  }

  /** Whether the own node is as it was left. */
  #isAsWanted(node: KubeNode, session: Session): boolean {
    return this.#lost === null && this.#hasOurCidrs(node, session) &&
      Object.keys(this.#differing(node)).length === 0 &&
      !this.#isUnavailable(node);
  }

  #hasOurCidrs(node: KubeNode, { request }: Session): boolean {
    try {
      const { subnet, ipv6Subnet } = assignedCidrs(node, request.config);
      return formatSubnetKey(subnet, ipv6Subnet) === this.#held!.own.lease.key;
    } catch (error) {
      if (error instanceof PodCidrError) return false;
      throw error;
    }
  }

  #differing(node: KubeNode): Readonly<Record<string, string>> {
    const { names } = this.#options;
    const wanted = wantedAnnotations(this.#held!.attributes, names, node);
    return differingAnnotations(wanted, node);
  }

  #isUnavailable({ networkUnavailable }: KubeNode): boolean {
    return this.#options.setNodeNetworkUnavailable &&
      networkUnavailable?.status !== "False";
  }

  /** Looks at the own node whenever it may not be as it should. */
  async #keep(session: Session): Promise<void> {
    const { signal } = session;
    const said = new Said(this.#log);
    const backoff = new Backoff(500, 30_000);
    const aborted = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => aborted.resolve(), { once: true });
    for (;;) {
      await Promise.race([this.#wake.promise, aborted.promise]);
      if (signal.aborted) return;
      this.#wake = Promise.withResolvers<void>();
      try {
        await this.#look(session);
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof KubernetesError)) throw error;
        said.warn(error.message);
        await backoff.wait(signal);
        this.#wake.resolve();
      }
    }
  }

  /** Reads the own node anew, for events are of the past, and mends it. */
  async #look(session: Session): Promise<void> {
    const { request, signal, nodeName } = session;
    let node: KubeNode;
    try {
      node = await this.#options.node.get(signal);
      assignedCidrs(node, request.config);
    } catch (error) {
      const gone = error instanceof KubernetesError &&
        error.kind === "not-found";
      if (gone) return this.#lose(session, `Node "${nodeName}" was deleted`);
      if (!(error instanceof PodCidrError)) throw error;
      return this.#lose(session, error.message);
    }
    if (this.#lost !== null || !this.#hasOurCidrs(node, session)) {
      const { own } = await this.#take(node, request, signal);
      this.#lost = null;
      session.sink({ type: "own", own });
      const leases = session.table.leases();
      session.sink({ type: "snapshot", leases, trusted: true });
    } else await this.#mend(node, session);
    await this.#setAvailable(node, session);
  }

  /** The subnet is no longer ours; the data path stays until there is one. */
  #lose(session: Session, reason: string): void {
    if (this.#lost === reason) return;
    this.#lost = reason;
    this.#log.error(`${reason}; the data path stays as it is`);
    session.sink({ type: "lost", reason });
  }

  /** Puts annotations back that somebody altered, a few times. */
  async #mend(node: KubeNode, session: Session): Promise<void> {
    const differing = this.#differing(node);
    if (Object.keys(differing).length === 0) return;
    const leave = this.#restraint.allow("annotations");
    if (leave !== "yes") this.#lookLater("annotations", session);
    if (leave === "no") return;
    const text = this.#describe(differing, node);
    if (leave === "last") {
      this.#log.error(`${text} They are left so for some minutes.`);
      return;
    }
    this.#log.warning(text);
    const before = JSON.stringify(this.#held!.own);
    const { own } = await this.#take(node, session.request, session.signal);
    if (JSON.stringify(own) !== before) session.sink({ type: "own", own });
  }

  /** Nobody tells when somebody else gives up: another look when one is due. */
  #lookLater(what: string, { signal }: Session): void {
    const due = this.#restraint.dueMs(what);
    this.#later.set(due, signal, () => this.#wake.resolve());
  }

  #describe(
    differing: Readonly<Record<string, string>>,
    { name, annotations }: KubeNode,
  ): string {
    const { written } = this.#held!;
    const altered = Object.keys(differing)
      .filter((key) => annotations[key] !== written[key]);
    // All is as we left it: what an annotation asks for is different now.
    if (altered.length === 0) {
      return Object.entries(differing)
        .map(([key, text]) => this.#describeAddress(key, text, annotations))
        .map((what) => `Public address of node "${name}" ${what}.`).join(" ");
    }
    const is = altered.map((key) => `${key}=${annotations[key] ?? ""}`);
    return `Annotations of node "${name}" are not as we wrote them: ${
      is.join(", ")
    }. Does a second agent, or flanneld, run for this node?`;
  }

  /** What an overwrite annotation, or its end, makes of a public address. */
  #describeAddress(
    key: string,
    text: string,
    annotations: KubeNode["annotations"],
  ): string {
    const { names } = this.#options;
    const overwrite = key === names.publicIP
      ? names.publicIPOverwrite
      : names.publicIPv6Overwrite;
    return annotations[overwrite]
      ? `is overwritten by annotation: ${text}`
      : `is no longer overwritten by annotation: ${text} again`;
  }

  async #setAvailable(node: KubeNode, session: Session): Promise<void> {
    if (!this.#isUnavailable(node)) return;
    const leave = this.#restraint.allow("condition");
    if (leave !== "yes") this.#lookLater("condition", session);
    if (leave === "last") {
      this.#log.error(
        `Condition NetworkUnavailable of node "${node.name}" is set again and again by somebody; it is left so for some minutes`,
      );
    }
    if (leave !== "yes") return;
    await this.#options.node.setNetworkAvailable(session.signal);
    this.#log.info("Set condition NetworkUnavailable of our node to False");
  }
}
