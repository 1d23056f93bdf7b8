/**
 * The network config of a Kubernetes network.
 *
 * @module
 */
import { maskText } from "../host/secrets.ts";
import type { NetConfigMap } from "../stores/kubernetes.ts";
import { type Fact, isKnown, known, unknown } from "./fact.ts";
import type { ConfigRecord, FileFacts, Setting } from "./facts.ts";
import type { ConfigOwner } from "./settings.ts";

function record(
  key: string,
  text: string | null,
  more: Pick<ConfigRecord, "configMap"> = {},
): Fact<ConfigRecord> {
  return known({
    key,
    ...more,
    text: text === null ? null : maskText(text),
    otherApi: unknown("there is no other API in Kubernetes mode"),
    nearby: [],
  });
}

/**
 * The config where the agent reads it: a file of this host, or, since pods
 * have it from a ConfigMap and the host does not, that ConfigMap. A file that
 * is missing is a fault only where an agent of this host reads it.
 *
 * @param readMap asks the API server; null where there is no ConfigMap
 */
export async function kubernetesConfig(
  file: Fact<FileFacts>,
  path: Setting<string>,
  owner: ConfigOwner,
  readMap: () => Promise<Fact<NetConfigMap | null>>,
): Promise<Fact<ConfigRecord>> {
  if (!isKnown(file)) return file;
  const { text } = file.known;
  const isThere = text !== null && text.trim() !== "";
  if (isThere || owner === "agent" || owner === "unit") {
    return record(file.known.path, text);
  }
  const missing = `${path.value} is ${text === null ? "not there" : "empty"}`;
  if (owner === "person") return unknown(`${missing} (${path.source})`);
  const map = await readMap();
  if (!isKnown(map)) {
    return unknown(
      `${missing} on this host, and its ConfigMap cannot be read: ${map.unknown}`,
    );
  }
  if (map.known === null) {
    return unknown(
      `${missing} on this host, and the cluster has no ConfigMap kube-flannel-cfg in namespace kube-flannel or kube-system: --net-config-path says where the config is`,
    );
  }
  const { namespace, name } = map.known;
  return record(`ConfigMap ${namespace}/${name}`, map.known.text, {
    configMap: { namespace, name },
  });
}
