/**
 * The firewall rules an agent keeps.
 *
 * @module
 */
import {
  type FlannelRule,
  flannelRules,
  type FlannelShape,
} from "../../flannel/firewall/flannel_shapes.ts";
import type { Lease } from "../../flannel/lease.ts";
import type { NetworkConfig } from "../../flannel/network_config_types.ts";
import { ownNetworks } from "../../flannel/own_networks.ts";

/** What decides on the rules. */
export interface FirewallOptions {
  /** `--ip-masq` */
  readonly ipMasq: boolean;
  /** `--iptables-forward-rules` */
  readonly forwardRules: boolean;
  /** Whether masquerading picks ports at random. */
  readonly randomFully: boolean;
}

/** Rules of one family. */
export interface WantedRules {
  readonly family: 4 | 6;
  readonly network: string;
  readonly subnet: string;
  readonly shape: FlannelShape;
  readonly rules: readonly FlannelRule[];
}

/** The shape that goes with a config: v0.28's, by iptables or nftables. */
export function shapeOf(config: NetworkConfig): FlannelShape {
  return config.enableNFTables ? "nftables" : "own-chains";
}

/** The rules for a lease, a family each; none for a part that is off. */
export function wantedRules(
  config: NetworkConfig,
  lease: Lease,
  options: FirewallOptions,
): WantedRules[] {
  const shape = shapeOf(config);
  return ownNetworks(config, lease).map(({ family, network, subnet }) => {
    const { randomFully } = options;
    const rules = flannelRules(shape, { network, subnet, randomFully })
      .filter(({ part }) =>
        part === "masquerade" ? options.ipMasq : options.forwardRules
      );
    return { family, network, subnet, shape, rules };
  });
}
