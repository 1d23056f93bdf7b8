import { isHostAddress } from "./host_address.ts";
import type { Lease } from "./lease.ts";
import { vtepMac } from "./lease_value.ts";

/** What keeps other hosts from sending to a lease's containers. */
export type Unreachable = "address" | "mac";

function fault(
  isTunnelled: boolean,
  address: string | null,
  data: unknown,
): Unreachable | null {
  if (address === null || !isHostAddress(address)) return "address";
  return isTunnelled && vtepMac(data) === null ? "mac" : null;
}

/**
 * Why no host can send to a lease of vxlan or host-gw, in one family at least;
 * null where it can. A network that has IPv6 switched off asks for none.
 */
export function unreachableBy(lease: Lease): Unreachable | null {
  const { attributes: of, subnet, ipv6Subnet } = lease;
  const isTunnelled = of.backendType === "vxlan";
  if (!isTunnelled && of.backendType !== "host-gw") return null;
  const four = subnet === null
    ? null
    : fault(isTunnelled, of.publicIP, of.backendData);
  const asksSix = ipv6Subnet !== null &&
    (of.publicIPv6 !== null || subnet === null);
  return four ??
    (asksSix ? fault(isTunnelled, of.publicIPv6, of.backendV6Data) : null);
}
