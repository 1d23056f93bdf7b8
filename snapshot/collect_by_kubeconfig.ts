/**
 * Records of the cluster that the shell's kubeconfig leads to.
 *
 * @module
 */
import { canonicalCidr } from "../flannel/cidr.ts";
import { parseSubnetEnv, subnetOf } from "../flannel/subnet_env.ts";
import { readTextOrNull } from "../host/files.ts";
import { annotationNames, type KubeNode } from "../stores/kubernetes.ts";
import {
  collectCluster,
  type KubernetesDiscovery,
  type KubernetesEnvironment,
  ownEnvironment,
} from "./collect_kubernetes.ts";
import type { StoreFacts } from "./collect_store.ts";
import { valueOf } from "./fact.ts";
import type { Settings } from "./facts.ts";

/** This host, as a cluster may know it. */
export interface HostIdentity {
  readonly hostname: string;
  readonly addresses: readonly string[];
}

/**
 * What `$KUBECONFIG` leads to, where nothing tells of a store: a cluster with
 * flannel that this host is a node of. Null for any other: an administrator's
 * shell may have a kubeconfig for whatever else, and on a host of an etcd
 * network too.
 */
export async function collectByKubeconfig(
  discovery: KubernetesDiscovery,
  deadlineMs: number,
  host: HostIdentity,
  environment: KubernetesEnvironment = ownEnvironment(),
): Promise<StoreFacts | null> {
  if (!environment["KUBECONFIG"]) return null;
  const source = "environment KUBECONFIG";
  const settings: Settings = {
    ...discovery.settings,
    store: { value: "kubernetes", source },
    kubeSubnetMgr: { value: true, source },
  };
  const { facts, nodes } = await collectCluster(
    { ...discovery, settings },
    deadlineMs,
    environment,
  );
  const isFlannels = valueOf(facts.configRecord)?.configMap !== undefined ||
    (valueOf(facts.leaseRecords) ?? []).length > 0;
  const node = isFlannels ? nodeOf(host, nodes, settings) : undefined;
  return node !== undefined && hasItsSubnet(node, settings) ? facts : null;
}

/** The node that this host is, by its name or the address it publishes. */
function nodeOf(
  host: HostIdentity,
  nodes: readonly KubeNode[],
  settings: Settings,
): KubeNode | undefined {
  if (nodes.length === 0) return undefined;
  const names = annotationNames(settings.kubeAnnotationPrefix.value);
  return nodes.find(({ name, annotations }) =>
    name === host.hostname.toLowerCase() ||
    [names.publicIP, names.publicIPv6].some((annotation) =>
      host.addresses.includes(annotations[annotation] ?? "")
    )
  );
}

/**
 * Whether the subnet that an agent last wrote on this host, if any, is the
 * node's: a host that has another one has it from etcd.
 */
function hasItsSubnet({ podCIDRs }: KubeNode, settings: Settings): boolean {
  const text = readTextOrNull(settings.subnetFile.value) ?? "";
  const { env } = parseSubnetEnv(text);
  const written = [env?.subnet, env?.ipv6Subnet]
    .filter((address) => typeof address === "string");
  const own = podCIDRs.map(canonicalCidr);
  return written.every((address) => own.includes(subnetOf(address)));
}
