import {
  type Backend,
  type BackendContext,
  BackendError,
  plainAttributes,
} from "./backend.ts";

/**
 * host-gw: peers are gateways, so that this host must be one under the address
 * it publishes.
 *
 * Source: flannel v0.28.9 pkg/backend/hostgw/hostgw.go.
 */
export function hostGw({ node }: BackendContext): Backend {
  if (node.publicIP !== node.address || node.publicIPv6 !== node.ipv6Address) {
    throw new BackendError(
      "your PublicIP differs from interface IP, meaning that probably you're on a NAT, which is not supported by host-gw backend",
    );
  }
  return {
    type: "host-gw",
    attributes: () => plainAttributes(node, "host-gw"),
  };
}
