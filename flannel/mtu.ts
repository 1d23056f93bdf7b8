/**
 * MTU of each backend.
 *
 * @module
 */
import type { NetworkConfig } from "./network_config_types.ts";

/** Outer Ethernet-less headers: IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14. */
export const VXLAN_OVERHEAD = 50;
/** Outer IPv4 20 and UDP 8. */
export const UDP_OVERHEAD = 28;

/**
 * Value of FLANNEL_MTU in bytes, or null for a backend that flandoc does not
 * model. vxlan takes 50 off over IPv6 too, as flannel does, though 70 would
 * be right there.
 *
 * Source: flannel v0.28.9 pkg/backend/{hostgw,alloc,vxlan,udp,ipip,wireguard,ipsec}.
 */
export function flannelMtu(
  config: NetworkConfig,
  interfaceMtu: number,
): number | null {
  const options = config.backendOptions;
  const option = (wanted: string) =>
    Object.entries(options).findLast(([n]) => n.toLowerCase() === wanted)?.[1];
  switch (config.backendType) {
    case "host-gw":
    case "alloc":
    case "extension":
    case "tencent-vpc":
    case "ali-vpc":
    case "aws-vpc":
    case "gce":
      return interfaceMtu;
    case "vxlan":
      return (config.vxlan?.mtu || interfaceMtu) - VXLAN_OVERHEAD;
    case "udp":
      return interfaceMtu - UDP_OVERHEAD;
    case "ipip":
      return interfaceMtu - 20;
    case "wireguard":
      return (Number(option("mtu") ?? 0) || interfaceMtu) - 80;
    case "ipsec":
      return interfaceMtu - (option("udpencap") === true ? 85 : 77);
    default:
      return null;
  }
}
