/**
 * Opens the store that the options name.
 *
 * @module
 */
import { FLANNEL_LATEST } from "../flannel/version.ts";
import { createStore } from "../stores/create_store.ts";
import { resolveAccess } from "../stores/kubernetes/access.ts";
import { annotationNames } from "../stores/kubernetes/annotations.ts";
import { KubernetesClient } from "../stores/kubernetes/client.ts";
import type { Store } from "../stores/store.ts";
import { EtcdSubnetManager } from "./etcd_subnet_manager.ts";
import { FirstLeases } from "./first_reads.ts";
import { KubeOwnNode } from "./kube_own_node.ts";
import { KubeSubnetManager } from "./kube_subnet_manager.ts";
import type { Logger } from "./log.ts";
import { MeasuredStore, noteRequest } from "./measured_store.ts";
import type { Metrics } from "./metrics.ts";
import type { AgentOptions } from "./options.ts";
import { chooseStore, type ChosenStore } from "./store_choice.ts";
import type { SubnetManager } from "./subnet_manager.ts";

/** Seconds a lease lasts, as flannel's. */
const LEASE_TTL = 86_400;

/** A manager, and what else hangs on the store. */
export interface OpenedManager {
  readonly manager: SubnetManager;
  /** Whether flannel of this store's age publishes the VNI. */
  readonly publishesVni: boolean;
}

/**
 * Opens etcd, waiting until it is known by which API, or Kubernetes.
 *
 * @throws {KubernetesError} and {SyntaxError} for options that cannot be used
 */
export async function openManager(
  options: AgentOptions,
  log: Logger,
  metrics: Metrics,
  signal: AbortSignal,
): Promise<OpenedManager> {
  return options.store === "kubernetes"
    ? {
      manager: await openKubernetes(options, log, metrics),
      publishesVni: true,
    }
    : await openEtcd(options, options.store, log, metrics, signal);
}

async function openEtcd(
  options: AgentOptions,
  kind: Exclude<AgentOptions["store"], "kubernetes">,
  log: Logger,
  metrics: Metrics,
  signal: AbortSignal,
): Promise<OpenedManager> {
  const open = (kind: "etcd-v2" | "etcd-v3") =>
    new MeasuredStore(createStore(kind, options.etcd), metrics);
  const { store, first } = kind === "auto"
    ? await chooseStore(open, log, signal)
    : named(open(kind), signal);
  log.info(`Records are in ${store.kind}`, { prefix: options.etcd.prefix });
  const old = store.kind === "etcd-v2";
  const manager = new EtcdSubnetManager({
    store,
    first,
    log,
    ttl: options.leaseTtl ?? LEASE_TTL,
    margin: options.subnetLeaseRenewMargin * 60,
    flannelVersion: FLANNEL_LATEST,
    // flanneld before v0.15 writes no IPv6; its readers would take it.
    form: old ? "v0.11" : "head",
  });
  return { manager, publishesVni: !old };
}

/** A store that is not to be chosen. */
function named(store: Store, signal: AbortSignal): ChosenStore {
  const leases = new FirstLeases(store, signal);
  return { store, first: { config: null, leases } };
}

async function openKubernetes(
  options: AgentOptions,
  log: Logger,
  metrics: Metrics,
): Promise<SubnetManager> {
  const { kubernetes } = options;
  const names = annotationNames(kubernetes.annotationPrefix);
  const access = await resolveAccess(kubernetes);
  const client = new KubernetesClient({
    access,
    onAnswer(verb, status, ms) {
      const result = status >= 200 && status < 300 ? "ok" : "error";
      noteRequest(metrics, verb, result, ms / 1000);
    },
  });
  log.info("Records are in Kubernetes", {
    server: access.server,
    by: access.source,
  });
  return new KubeSubnetManager({
    client,
    node: new KubeOwnNode(client, kubernetes),
    names,
    log,
    netConfigPath: kubernetes.netConfigPath,
    setNodeNetworkUnavailable: kubernetes.setNodeNetworkUnavailable,
    flannelVersion: FLANNEL_LATEST,
  });
}
