/**
 * MTU of each backend.
 *
 * @module
 */
import type { NetworkConfig } from "./network_config_types.ts";

/** Outer Ethernet-less headers: IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14. */
export const VXLAN_OVERHEAD = 50;
/** The same with an outer IPv6 header of 40. */
export const VXLAN_OVERHEAD_IPV6 = 70;
/** Outer IPv4 20 and UDP 8. */
export const UDP_OVERHEAD = 28;

/**
 * MTU of a vxlan device. flannel asks for FLANNEL_MTU; the kernel gives no
 * more than the lower device can carry, which is less over IPv6, and refuses
 * to set more later.
 *
 * @param mtu FLANNEL_MTU
 * @param interfaceMtu of the lower device
 */
export function vxlanDeviceMtu(
  family: 4 | 6,
  mtu: number,
  interfaceMtu: number,
): number {
  const overhead = family === 4 ? VXLAN_OVERHEAD : VXLAN_OVERHEAD_IPV6;
  return Math.min(mtu, interfaceMtu - overhead);
}

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
