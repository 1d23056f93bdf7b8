/**
 * Expected state of the udp backend.
 *
 * @module
 */
import { addressAt, parseCidr } from "./cidr.ts";
import type { ExpectationInput } from "./expected.ts";
import { peersOf } from "./expected_peers.ts";
import type { ExpectedState } from "./expected_types.ts";

/** Name the kernel gives the first device of flannel's pattern `flannel%d`. */
export const UDP_DEVICE = "flannel0";

/**
 * udp: a TUN device with the subnet's network address and one route for the
 * whole network, whose `peer` is the own lease. Without an own lease nothing
 * can be said. BackendType of the leases is not looked at, as in flannel.
 *
 * Source: flannel v0.28.9 pkg/backend/udp.
 */
export function expectUdp(
  input: ExpectationInput,
  mtu: number,
): Omit<ExpectedState, "mtu"> {
  const { leases, node, config } = input;
  const { ignored } = peersOf(leases, node, null);
  const none = { routes: [], neighbours: [], fdb: [], ignored };
  const own = node.lease;
  if (config.ipv4 === null || own === null || own.subnet === null) {
    return { devices: [], ...none };
  }
  return {
    ...none,
    devices: [{
      name: UDP_DEVICE,
      kind: "tun",
      mtu,
      mac: null,
      address: `${addressAt(parseCidr(own.subnet), 0)}/32`,
      family: 4,
    }],
    routes: [{
      family: 4,
      dst: config.ipv4.network,
      gateway: null,
      device: UDP_DEVICE,
      onlink: false,
      peer: own,
    }],
  };
}
