/**
 * Expected kernel state: what the records imply for one host. Every check,
 * repair and the agent take it from here.
 *
 * @module
 */
import { expectDirect } from "./expected_hostgw.ts";
import type { ExpectedState, LocalNode } from "./expected_types.ts";
import { expectUdp } from "./expected_udp.ts";
import { expectVxlan } from "./expected_vxlan.ts";
import type { Lease } from "./lease.ts";
import { flannelMtu } from "./mtu.ts";
import type { NetworkConfig } from "./network_config_types.ts";

/** What expected state is derived from. */
export interface ExpectationInput {
  readonly config: NetworkConfig;
  /** Every lease of the network, the own one too. */
  readonly leases: readonly Lease[];
  readonly node: LocalNode;
  /**
   * The device by which a peer's public address is on-link, that is, reached
   * without a gateway; null when it is not. Asked only for vxlan with
   * DirectRouting.
   */
  readonly onLinkBy?: (address: string) => string | null;
}

/** The state, or which backend flandoc has no model of. */
export type Expectation =
  | { readonly state: ExpectedState }
  | { readonly unmodelled: string };

/** Backends whose kernel state flandoc derives. */
export const MODELLED_BACKENDS: readonly string[] = [
  "alloc",
  "host-gw",
  "udp",
  "vxlan",
];

/** Derives the kernel state that a network implies for one host. */
export function expectedState(input: ExpectationInput): Expectation {
  const { config, node } = input;
  const mtu = flannelMtu(config, node.deviceMtu);
  if (!MODELLED_BACKENDS.includes(config.backendType) || mtu === null) {
    return { unmodelled: config.backendType };
  }
  switch (config.backendType) {
    case "host-gw":
      return { state: { ...expectDirect(input), mtu } };
    case "vxlan":
      return { state: { ...expectVxlan(input, mtu), mtu } };
    case "udp":
      return { state: { ...expectUdp(input, mtu), mtu } };
    default:
      return {
        state: {
          devices: [],
          routes: [],
          neighbours: [],
          fdb: [],
          ignored: [],
          mtu,
        },
      };
  }
}
