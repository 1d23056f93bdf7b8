/**
 * Route lookup in a list of routes, for facts judged away from their host.
 *
 * @module
 */
import { type Cidr, contains, hostCidr, tryParseCidr } from "./cidr.ts";
import type { RouteLookup } from "./interface_choice.ts";
import type { Address, Route } from "./kernel.ts";
import { routeLookup } from "./on_link.ts";

/**
 * A function that answers where a packet to an address would leave: longest
 * prefix, then lowest metric of the main table. Policy rules are not looked
 * at. The source is the route's, else the first address of its device whose
 * network holds the gateway or the address, else the device's first.
 */
export function lookupBy(
  routes: readonly Route[],
  addresses: readonly Address[],
): (address: string) => RouteLookup | null {
  const find = routeLookup(routes);
  function sourceOf(device: string, family: 4 | 6, next: Cidr): string | null {
    const own = addresses.filter((address) =>
      address.device === device && address.family === family
    );
    const near = own.find((address) => {
      const network = tryParseCidr(
        `${address.address}/${address.prefixLength}`,
      );
      return network !== null && contains(network, next);
    });
    return (near ?? own[0])?.address ?? null;
  }
  return (address) => {
    const host = hostCidr(address);
    if (host === null) return null;
    const hit = find(address);
    const hop = hit?.nexthops?.[0] ?? hit;
    if (hit?.type !== "unicast" || !hop?.device) return null;
    const next = (hop.gateway && hostCidr(hop.gateway)) || host;
    return {
      device: hop.device,
      gateway: hop.gateway,
      source: hit.prefsrc ?? sourceOf(hop.device, hit.family, next),
    };
  };
}
