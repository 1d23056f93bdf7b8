/**
 * Route lookup in a list of routes, for facts judged away from their host.
 *
 * @module
 */
import {
  type Cidr,
  contains,
  hostCidr,
  ipv4Cidr,
  ipv6Cidr,
  tryParseCidr,
} from "../flannel/cidr.ts";
import type { RouteLookup } from "../flannel/interface_choice.ts";
import { type Address, MAIN_TABLE, type Route } from "../flannel/kernel.ts";

type ByStart = Map<number | bigint, Route>;

/** Main-table routes by family, prefix length and first address, lowest metric. */
class RouteIndex {
  readonly #lengths = { 4: new Map<number, ByStart>(), 6: new Map() };

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const cidr = route.table === MAIN_TABLE ? tryParseCidr(route.dst) : null;
      if (cidr !== null) this.#add(route, cidr);
    }
  }

  #add(route: Route, cidr: Cidr): void {
    const lengths: Map<number, ByStart> = this.#lengths[cidr.family];
    const starts: ByStart = lengths.get(cidr.prefixLength) ?? new Map();
    lengths.set(cidr.prefixLength, starts);
    const other = starts.get(cidr.start);
    if (other === undefined || route.metric < other.metric) {
      starts.set(cidr.start, route);
    }
  }

  /** The route of the longest prefix that holds the address. */
  find(host: Cidr): Route | undefined {
    const lengths: Map<number, ByStart> = this.#lengths[host.family];
    for (const length of [...lengths.keys()].sort((a, b) => b - a)) {
      const block = host.family === 4
        ? ipv4Cidr(host.start, length)
        : ipv6Cidr(host.start, length);
      const route = lengths.get(length)?.get(block.start);
      if (route !== undefined) return route;
    }
  }
}

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
  const index = new RouteIndex(routes);
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
    const hit = index.find(host);
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
