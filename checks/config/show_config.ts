import { configKey, etcdctl } from "../etcdctl.ts";
import type { ConfigRecord, Settings } from "../../snapshot/facts.ts";

/** What a person types to see the network config as it was read. */
export function showConfig(settings: Settings, record: ConfigRecord): string {
  const { configMap, key } = record;
  if (configMap !== undefined) {
    return `kubectl -n ${configMap.namespace} get configmap ${configMap.name} -o yaml`;
  }
  return settings.store.value === "kubernetes"
    ? `cat ${key}`
    : etcdctl(settings, "get", configKey(settings));
}
