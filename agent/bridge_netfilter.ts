/**
 * Whether the kernel's bridges are there for iptables to see.
 *
 * @module
 */
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { readSysctl } from "../host/sysctl.ts";

/**
 * What is lost without the module br_netfilter, in words; null where it is
 * loaded or not needed. flanneld from v0.26 on does not start without it. The
 * network is of use all the same.
 *
 * Source: flannel v0.28.9 main.go.
 */
export function bridgeNetfilterTrouble(
  config: Pick<NetworkConfig, "ipv4" | "ipv6" | "enableNFTables">,
  read: (key: string) => string | null = readSysctl,
): string | null {
  if (config.enableNFTables) return null;
  const keys = [
    ...config.ipv4 === null ? [] : ["net.bridge.bridge-nf-call-iptables"],
    ...config.ipv6 === null ? [] : ["net.bridge.bridge-nf-call-ip6tables"],
  ];
  const missing = keys.filter((key) => read(key) === null);
  return missing.length === 0
    ? null
    : `There is no ${
      missing.join(" and no ")
    }: the module br_netfilter is not loaded, and iptables sees no packet ` +
      "between containers of one bridge, those to Kubernetes services among them. flanneld would not start here: modprobe br_netfilter";
}
