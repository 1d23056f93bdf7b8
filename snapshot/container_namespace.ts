/**
 * A doctor that was started inside a container, or with `ip netns exec` of one:
 * what it finds there says nothing of the host, and a repair would be made to
 * the container.
 *
 * @module
 */
import {
  addressAt,
  containsAddress,
  formatCidr,
  tryParseCidr,
} from "../flannel/cidr.ts";
import { valueOf } from "./fact.ts";
import type { Facts } from "./facts.ts";

/** How a container is told from a host. */
export interface ContainerNamespace {
  /** The device with the container's address. */
  readonly device: string;
  readonly address: string;
  /** The flannel subnet it lies in, CIDR. */
  readonly subnet: string;
  /** The subnet's first address: the bridge of the host, and the way out. */
  readonly gateway: string;
}

const DEFAULT_ROUTE = "0.0.0.0/0";

/**
 * Tells whether the facts are of a container on the flannel network: its only
 * way out is one end of a pair of devices, its address lies in a subnet that
 * flannel leased, and the way leads over that subnet's first address, which is
 * somebody else's. A host has that address itself, or reaches the world by an
 * address that flannel did not give.
 */
export function containerNamespace(facts: Facts): ContainerNamespace | null {
  const addresses = valueOf(facts.addresses) ?? [];
  const links = valueOf(facts.links) ?? [];
  const ways = (valueOf(facts.routes) ?? []).filter(({ dst }) =>
    dst === DEFAULT_ROUTE
  );
  const [way] = ways;
  if (way === undefined || ways.length > 1 || way.gateway === null) return null;
  const { device, gateway } = way;
  if (links.find(({ name }) => name === device)?.kind !== "veth") return null;
  if (addresses.some(({ address }) => address === gateway)) return null;
  const own = addresses.find((each) =>
    each.device === device && each.family === 4
  );
  if (own === undefined) return null;
  for (const text of subnetsOf(facts)) {
    const subnet = tryParseCidr(text);
    if (subnet === null || subnet.family !== 4) continue;
    if (!containsAddress(subnet, own.address)) continue;
    if (addressAt(subnet, 1) !== gateway) continue;
    const { address } = own;
    return { device: own.device, address, subnet: formatCidr(subnet), gateway };
  }
  return null;
}

/** Subnets that flannel leased, as far as they are known here. */
function subnetsOf(facts: Facts): string[] {
  const { subnet } = valueOf(facts.subnetEnv) ?? {};
  return [
    ...subnet ? [subnet] : [],
    ...(valueOf(facts.leases) ?? []).flatMap((lease) => lease.subnet ?? []),
  ];
}
