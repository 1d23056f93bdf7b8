/**
 * The way out of a network that does not carry container addresses: vxlan.
 *
 * @module
 */
import type { NetworkConfig } from "../../flannel/network_config_types.ts";
import type { ConfigRecord, Settings } from "../../snapshot/facts.ts";
import { etcdctl } from "../etcdctl.ts";

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Options of a vxlan backend that stay; DirectRouting is what has to go. */
function keptOptions(backend: unknown): [string, unknown][] {
  if (!isObject(backend)) return [];
  const entries = Object.entries(backend);
  const type = entries.find(([name]) => name.toLowerCase() === "type")?.[1];
  if (typeof type !== "string" || type.toLowerCase() !== "vxlan") return [];
  return entries.filter(([name]) =>
    !["type", "directrouting"].includes(name.toLowerCase())
  );
}

/**
 * The network config with vxlan for its backend; everything else stays as
 * written. Names match in any case, as flannel reads them.
 *
 * @param text the config as it is, JSON
 */
export function vxlanConfigText(
  text: string | null,
  config: NetworkConfig,
  options: VxlanChoice = {},
): string {
  const written: unknown = JSON.parse(text ?? "{}");
  const fields = isObject(written) ? written : {};
  const entries = Object.entries(fields);
  const backend = entries.findLast(([name]) => name.toLowerCase() === "backend")
    ?.[1];
  const rest = entries.filter(([name]) => name.toLowerCase() !== "backend");
  if (rest.length === 0 && config.ipv4 !== null) {
    rest.push(["Network", config.ipv4.network]);
  }
  return JSON.stringify({
    ...Object.fromEntries(rest),
    Backend: {
      Type: "vxlan",
      ...Object.fromEntries(keptOptions(backend)),
      ...(options.directRouting ? { DirectRouting: true } : {}),
    },
  });
}

/** What kind of vxlan. */
export interface VxlanChoice {
  /**
   * Whether peers of the own segment are to be reached without encapsulation.
   * @default false
   */
  readonly directRouting?: boolean;
}

/** What a person types to change the whole network to vxlan. */
export function vxlanCommands(
  facts: {
    readonly settings: Settings;
    readonly configRecord: ConfigRecord;
    readonly config: NetworkConfig;
  },
  options: VxlanChoice = {},
): string[] {
  const { settings, configRecord, config } = facts;
  if (settings.store.value === "kubernetes") {
    return [
      "kubectl -n kube-flannel edit configmap kube-flannel-cfg",
      "kubectl -n kube-flannel rollout restart daemonset kube-flannel-ds",
    ];
  }
  const text = vxlanConfigText(configRecord.text, config, options);
  return [
    etcdctl(settings, "put", configRecord.key, text),
    "systemctl restart flanneld docker   # on every host",
  ];
}
