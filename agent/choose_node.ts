/**
 * This host as it takes part in a network: its external interface.
 *
 * @module
 */
import type { LocalNode } from "../flannel/expected_types.ts";
import {
  chooseInterface,
  type InterfaceOptions,
  type RouteLookup,
} from "../flannel/interface_choice.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import type { Kernel } from "./kernel.ts";
import type { Logger } from "./log.ts";

/** The kernel's way to an address, or null when it has none. */
function lookup(
  kernel: Pick<Kernel, "routeGet">,
  address: string,
): RouteLookup | null {
  try {
    const { device, gateway, prefsrc } = kernel.routeGet({ dst: address });
    return device === null ? null : { device, gateway, source: prefsrc };
  } catch {
    return null;
  }
}

/**
 * Chooses the external interface and tells which and why.
 *
 * @throws {Error} when none can be chosen, in flannel's words
 */
export function chooseNode(
  kernel: Pick<Kernel, "links" | "addresses" | "routes" | "routeGet">,
  config: NetworkConfig,
  options: InterfaceOptions,
  log: Logger,
): LocalNode {
  const choice = chooseInterface({
    ...options,
    ipv4: config.enableIPv4,
    ipv6: config.enableIPv6,
  }, {
    links: kernel.links(),
    addresses: kernel.addresses(),
    routes: kernel.routes(),
    lookup: (address) => lookup(kernel, address),
  });
  if ("problem" in choice) throw new Error(choice.problem);
  const { node, reason } = choice;
  log.info(`Using interface ${node.device} (${reason})`, {
    address: node.address ?? undefined,
    ipv6Address: node.ipv6Address ?? undefined,
    publicIP: node.publicIP ?? undefined,
    publicIPv6: node.publicIPv6 ?? undefined,
    mtu: node.deviceMtu,
  });
  return node;
}
