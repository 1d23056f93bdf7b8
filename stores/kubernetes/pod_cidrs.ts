import { formatCidr, tryParseCidr } from "../../flannel/cidr.ts";
import type { KubeNode } from "./node.ts";

/** Pod CIDRs of a node by family, canonical; null where it has none. */
export interface PodCidrs {
  readonly subnet: string | null;
  readonly ipv6Subnet: string | null;
}

/**
 * The node's pod CIDRs, or in words what is wrong with them.
 *
 * Source: flannel v0.28.9 pkg/subnet/kube/kube.go AcquireLease.
 */
export function podCidrsOf(node: KubeNode): PodCidrs | string {
  const { name, podCIDRs } = node;
  if (podCIDRs.length === 0) {
    return `node "${name}" pod cidr not assigned: spec.podCIDR is empty (does kube-controller-manager run with --allocate-node-cidrs?)`;
  }
  if (podCIDRs.length > 2) {
    return `node "${name}" has ${podCIDRs.length} pod CIDRs, more than one of each family: ${
      podCIDRs.join(", ")
    }`;
  }
  let subnet: string | null = null;
  let ipv6Subnet: string | null = null;
  for (const text of podCIDRs) {
    const cidr = tryParseCidr(text);
    if (cidr === null) return `node "${name}" has a bad pod CIDR: "${text}"`;
    if ((cidr.family === 4 ? subnet : ipv6Subnet) !== null) {
      return `node "${name}" has two pod CIDRs of one family: ${
        podCIDRs.join(", ")
      }`;
    }
    if (cidr.family === 4) subnet = formatCidr(cidr);
    else ipv6Subnet = formatCidr(cidr);
  }
  return { subnet, ipv6Subnet };
}
