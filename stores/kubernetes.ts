/**
 * Flannel's records in Kubernetes, for who only reads them.
 *
 * @module
 */
import type { LeaseRecord } from "../flannel/lease.ts";
import { annotationNames } from "./kubernetes/annotations.ts";
import type { KubernetesClient } from "./kubernetes/client.ts";
import { KubernetesError } from "./kubernetes/kubernetes_error.ts";
import { listNodes } from "./kubernetes/list_nodes.ts";
import type { KubeNode } from "./kubernetes/node.ts";
import { type Families, leaseRecordsOf } from "./kubernetes/node_lease.ts";
import type { EndpointHealth } from "./store.ts";

export {
  type KubernetesAccess,
  type KubernetesAccessOptions,
  resolveAccess,
  SERVICE_ACCOUNT,
} from "./kubernetes/access.ts";
export {
  type AnnotationNames,
  annotationNames,
} from "./kubernetes/annotations.ts";
export {
  KubernetesClient,
  type KubernetesClientOptions,
} from "./kubernetes/client.ts";
export { KubernetesError } from "./kubernetes/kubernetes_error.ts";
export { type KubeNode } from "./kubernetes/node.ts";
export { type Families, leaseRecordsOf } from "./kubernetes/node_lease.ts";
export {
  type NetConfigMap,
  readNetConfigMap,
} from "./kubernetes/net_config_map.ts";
export { findNodeName, type PodIdentity } from "./kubernetes/node_name.ts";

/** The nodes, and the leases that they are. */
export interface KubernetesRecords {
  readonly nodes: readonly KubeNode[];
  /** As etcd would hold them; ttl null. */
  readonly leaseRecords: readonly LeaseRecord[];
}

/**
 * Reads all nodes, and their leases in the families that the network has, which
 * may become known later.
 *
 * @throws {KubernetesError}, {SyntaxError} for a bad annotation prefix
 */
export async function readKubernetesRecords(
  client: KubernetesClient,
  annotationPrefix: string,
  families: Families | Promise<Families>,
  signal?: AbortSignal,
): Promise<KubernetesRecords> {
  const names = annotationNames(annotationPrefix);
  const { nodes } = await listNodes(client, {}, signal);
  return { nodes, leaseRecords: leaseRecordsOf(nodes, names, await families) };
}

/** Asks the API server how it is. Never throws. */
export async function kubernetesHealth(
  client: KubernetesClient,
  signal?: AbortSignal,
): Promise<EndpointHealth> {
  const unknown = {
    endpoint: client.access.server,
    clusterId: null,
    memberId: null,
    healthy: null,
    hasLeader: null,
    alarms: [],
    v2: null,
    v3: null,
  };
  try {
    const { version, latencyMs } = await client.version(signal);
    const well = { reachable: true, error: null, errorKind: null };
    return { ...unknown, ...well, version, latencyMs };
  } catch (error) {
    return {
      ...unknown,
      reachable: false,
      error: error instanceof Error ? error.message : String(error),
      errorKind: error instanceof KubernetesError ? error.kind : null,
      version: null,
      latencyMs: null,
    };
  }
}
