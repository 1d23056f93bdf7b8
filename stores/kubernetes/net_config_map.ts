import type { KubernetesClient } from "./client.ts";
import { KubernetesError } from "./kubernetes_error.ts";

/** The network config as kube-flannel's manifest keeps it. */
export interface NetConfigMap {
  readonly namespace: string;
  readonly name: string;
  /** Its `net-conf.json`, or null where it has none. */
  readonly text: string | null;
}

/** Namespaces of kube-flannel's manifest: today's, and up to v0.19's. */
const NAMESPACES = ["kube-flannel", "kube-system"] as const;
const NAME = "kube-flannel-cfg";

/**
 * Reads the ConfigMap that kube-flannel's pods mount at /etc/kube-flannel;
 * null when there is none.
 *
 * Source: flannel v0.28.9 Documentation/kube-flannel.yml.
 *
 * @throws {KubernetesError} when it may not be read, and when two manifests
 * have been applied whose configs differ
 */
export async function readNetConfigMap(
  client: KubernetesClient,
  signal?: AbortSignal,
): Promise<NetConfigMap | null> {
  const answers = await Promise.allSettled(
    NAMESPACES.map((namespace) => readFrom(client, namespace, signal)),
  );
  const [first, second] = answers.map((one) =>
    one.status === "fulfilled" ? one.value : null
  ).filter((one) => one !== null);
  if (first === undefined) {
    // A role may be for one of the namespaces.
    const failed = answers.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return null;
  }
  if (second !== undefined && second.text !== first.text) {
    throw new KubernetesError(
      "config",
      `There are two configs that differ, in ConfigMap ${NAME} of namespaces ${first.namespace} and ${second.namespace}`,
    );
  }
  return first;
}

async function readFrom(
  client: KubernetesClient,
  namespace: string,
  signal: AbortSignal | undefined,
): Promise<NetConfigMap | null> {
  const request = { namespace, name: NAME } as const;
  try {
    const map = await client.request(
      { verb: "get", resource: "configmaps", ...request },
      signal,
    ) as { readonly data?: Readonly<Record<string, unknown>> } | null;
    const text = map?.data?.["net-conf.json"];
    return { ...request, text: typeof text === "string" ? text : null };
  } catch (error) {
    const isGone = error instanceof KubernetesError &&
      error.kind === "not-found";
    if (isGone) return null;
    throw error;
  }
}
