import type { ConfigRecord, Settings } from "../../snapshot/facts.ts";
import {
  type ParsedNetworkConfig,
  parseNetworkConfig,
} from "../../flannel/network_config.ts";

/** The config of a record read by the rules of a flannel release and store. */
export function parsedConfig(
  record: ConfigRecord,
  settings: Settings,
  flannelVersion: string,
): ParsedNetworkConfig {
  return parseNetworkConfig(record.text ?? "", {
    flannelVersion,
    store: settings.store.value === "kubernetes" ? "kubernetes" : "etcd",
  });
}
