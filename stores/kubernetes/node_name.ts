import type { KubernetesClient } from "./client.ts";
import { KubernetesError } from "./kubernetes_error.ts";

/** What a pod is told about itself, from `$NODE_NAME` and the like. */
export interface PodIdentity {
  readonly nodeName: string;
  readonly podName: string;
  readonly podNamespace: string;
}

/**
 * Name of the node this runs on: as given, else of the pod's own spec.
 *
 * Source: flannel v0.28.9 pkg/subnet/kube/kube.go NewSubnetManager.
 *
 * @throws {KubernetesError} of kind `config` when it cannot be known
 */
export async function findNodeName(
  client: KubernetesClient,
  identity: PodIdentity,
  signal?: AbortSignal,
): Promise<string> {
  const { nodeName, podName, podNamespace } = identity;
  if (nodeName !== "") return nodeName;
  if (podName === "" || podNamespace === "") {
    throw new KubernetesError(
      "config",
      "Cannot tell which node this is: set $NODE_NAME, or $POD_NAME and $POD_NAMESPACE",
    );
  }
  const pod = await client.request({
    verb: "get",
    resource: "pods",
    namespace: podNamespace,
    name: podName,
  }, signal) as { readonly spec?: { readonly nodeName?: unknown } } | null;
  const name = pod?.spec?.nodeName;
  if (typeof name === "string" && name !== "") return name;
  throw new KubernetesError(
    "config",
    `Cannot tell which node this is: pod "${podNamespace}/${podName}" has no spec.nodeName`,
  );
}
