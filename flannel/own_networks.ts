import type { Family } from "./kernel.ts";
import type { Lease } from "./lease.ts";
import type { NetworkConfig } from "./network_config_types.ts";

/** A network that a host has a subnet of; both canonical CIDRs. */
export interface OwnNetwork {
  readonly family: Family;
  readonly network: string;
  readonly subnet: string;
}

/** The networks that a lease gives a subnet of, IPv4 before IPv6. */
export function ownNetworks(
  config: NetworkConfig,
  lease: Lease | null,
): OwnNetwork[] {
  const families = [
    [4, config.ipv4, lease?.subnet],
    [6, config.ipv6, lease?.ipv6Subnet],
  ] as const;
  return families.flatMap(([family, range, subnet]) =>
    range !== null && subnet ? [{ family, network: range.network, subnet }] : []
  );
}
