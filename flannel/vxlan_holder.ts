/**
 * vxlan devices that have what another one is to have.
 *
 * @module
 */
import { sameAddress } from "./cidr.ts";
import type { LocalNode, WantedDevice } from "./expected_types.ts";
import { FLANDOC_ALIAS, type Link, type VxlanDetails } from "./kernel.ts";

/** Address family that a device's packets have outside. */
function outerFamily({ local, group }: VxlanDetails): 4 | 6 {
  return (local ?? group)?.includes(":") ? 6 : 4;
}

/**
 * Whether a device, whatever its name, has VNI, UDP port and address family of
 * a wanted one. There can be one such device in a network namespace: the kernel
 * answers EEXIST, "A VXLAN device with the specified VNI already exists", as
 * long as GBP and the like are the same, and lets no second one up if not.
 */
export function isSameTunnel(wanted: WantedDevice, { vxlan }: Link): boolean {
  return vxlan !== undefined && wanted.vxlan !== undefined &&
    vxlan.vni === wanted.vxlan.vni && vxlan.port === wanted.vxlan.port &&
    outerFamily(vxlan) === wanted.family;
}

/**
 * The device of another name that keeps the kernel from making a wanted one;
 * null where there is none.
 */
export function vxlanHolder(
  wanted: WantedDevice,
  links: readonly Link[],
): Link | null {
  const gbp = wanted.vxlan?.gbp ?? false;
  return links.find((link) =>
    link.name !== wanted.name && isSameTunnel(wanted, link) &&
    (link.up || link.vxlan!.gbp === gbp)
  ) ?? null;
}

/**
 * The device that has a wanted one's UDP port and, by other settings of what it
 * takes in, lets no other up on it: the kernel answers EADDRINUSE. Null where
 * there is none.
 */
export function portRival(
  wanted: WantedDevice,
  links: readonly Link[],
): Link | null {
  const { port, gbp = false } = wanted.vxlan ?? {};
  return links.find(({ name, up, vxlan }) =>
    name !== wanted.name && up && vxlan !== undefined && vxlan.port === port &&
    (vxlan.external || outerFamily(vxlan) === wanted.family) &&
    (vxlan.external || vxlan.gbp !== gbp || vxlan.udp6ZeroCsumRx)
  ) ?? null;
}

/**
 * Whether a device that has VNI and port of a wanted one is that one under
 * another name: flandoc marked it, or it sends from the own address and has the
 * MAC that the own lease publishes.
 */
export function isRenamed(
  wanted: WantedDevice,
  { alias, mac, vxlan }: Link,
  node: LocalNode,
): boolean {
  if (alias === FLANDOC_ALIAS) return true;
  const published = wanted.family === 4 ? node.publicIP : node.publicIPv6;
  const local = vxlan?.local ?? null;
  const isOwn = [wanted.vxlan?.local ?? null, published]
    .some((own) => own !== null && sameAddress(own, local));
  return isOwn && wanted.mac !== null && mac === wanted.mac;
}
