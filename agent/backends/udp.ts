import {
  type Backend,
  type BackendContext,
  BackendError,
  plainAttributes,
} from "./backend.ts";
import { UdpPath } from "../udp_path.ts";

/**
 * udp: packets go through this process, one a datagram. It carries IPv4 only
 * and publishes no backend type.
 *
 * Source: flannel v0.28.9 pkg/backend/udp.
 */
export function udp({ config, node }: BackendContext): Backend {
  if (config.ipv4 === null || node.address === null) {
    throw new BackendError(
      "The udp backend carries IPv4 only, which this network has not",
    );
  }
  return {
    type: "udp",
    attributes: () => plainAttributes(node, ""),
    dataPath: (context) => new UdpPath({ ...context, config, node }),
  };
}
