/**
 * The subnets that Kubernetes gives this host.
 *
 * @module
 */
import { contains, parseCidr } from "../flannel/cidr.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import type { KubeNode } from "../stores/kubernetes/node.ts";
import { type PodCidrs, podCidrsOf } from "../stores/kubernetes/pod_cidrs.ts";

/** Raised when this node can be no part of the network as it is. */
export class PodCidrError extends Error {
  override readonly name = "PodCidrError";
}

/**
 * The node's pod CIDRs in the families that the network has.
 *
 * Source: flannel v0.28.9 pkg/subnet/kube/kube.go AcquireLease.
 *
 * @throws {PodCidrError} when there are none, or they are not in the network
 */
export function assignedCidrs(node: KubeNode, config: NetworkConfig): PodCidrs {
  const cidrs = podCidrsOf(node);
  if (typeof cidrs === "string") throw new PodCidrError(cidrs);
  const subnet = config.ipv4 === null ? null : cidrs.subnet;
  const ipv6Subnet = config.ipv6 === null ? null : cidrs.ipv6Subnet;
  if (subnet === null && ipv6Subnet === null) {
    const wanted = config.ipv4 === null ? "IPv6" : "IPv4";
    throw new PodCidrError(
      `node "${node.name}" has no ${wanted} pod CIDR, only ${
        node.podCIDRs.join(", ")
      }`,
    );
  }
  requireInside(node, subnet, config.ipv4?.network, "Network");
  requireInside(node, ipv6Subnet, config.ipv6?.network, "IPv6Network");
  return { subnet, ipv6Subnet };
}

function requireInside(
  { name }: KubeNode,
  cidr: string | null,
  network: string | undefined,
  option: string,
): void {
  if (cidr === null || network === undefined) return;
  if (contains(parseCidr(network), parseCidr(cidr))) return;
  throw new PodCidrError(
    `${option} "${network}" of the flannel net config doesn't contain "${cidr}", the PodCIDR of the "${name}" node: is it kube-controller-manager's --cluster-cidr?`,
  );
}
