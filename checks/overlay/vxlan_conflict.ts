/**
 * vxlan devices of others in the place of flannel's.
 *
 * @module
 */
import type { LocalNode, WantedDevice } from "../../flannel/expected_types.ts";
import type { Link } from "../../flannel/kernel.ts";
import {
  isRenamed,
  isSameTunnel,
  portRival,
  vxlanHolder,
} from "../../flannel/vxlan_holder.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import type { CheckCode } from "../check.ts";

/** Another's device, and what of a wanted one it has. */
export interface VxlanConflict {
  readonly wanted: WantedDevice;
  readonly other: Link;
  readonly has: "vni" | "port";
}

/** Flannel's own device under another name; null when there is none. */
export function renamedVxlan(
  wanted: WantedDevice,
  links: readonly Link[],
  node: LocalNode,
): Link | null {
  const holder = vxlanHolder(wanted, links);
  return holder !== null && isRenamed(wanted, holder, node) ? holder : null;
}

/** What keeps a wanted device from being there or up; null when nothing. */
export function vxlanConflict(
  wanted: WantedDevice,
  links: readonly Link[],
  node: LocalNode,
): VxlanConflict | null {
  const named = links.find(({ name }) => name === wanted.name);
  if (named?.up && isSameTunnel(wanted, named)) return null;
  const holder = vxlanHolder(wanted, links);
  if (holder !== null) {
    return isRenamed(wanted, holder, node)
      ? null
      : { wanted, other: holder, has: "vni" };
  }
  const rival = portRival(wanted, links);
  return rival && { wanted, other: rival, has: "port" };
}

/** Whether all that is wanted of vxlan devices is in somebody else's hands. */
export function followsConflict(facts: Facts, cause: CheckCode): boolean {
  const [expected, links, node] = [
    valueOf(facts.expected),
    valueOf(facts.links),
    valueOf(facts.node),
  ];
  if (cause !== "FD512" || !expected || !links || !node) return true;
  return expected.devices.filter(({ kind }) => kind === "vxlan")
    .every((wanted) => vxlanConflict(wanted, links, node) !== null);
}

/** A vxlan device as `ip -d -o link` has it, as far as it matters here. */
export function vxlanLine(
  { index, name, up, mac, vxlan, alias }: Link,
): string {
  const { vni, port, local, lower, gbp, external, udp6ZeroCsumRx } = vxlan!;
  return [
    `${index}: ${name}: ${up ? "UP" : "DOWN"} link/ether ${mac} vxlan`,
    external ? "external" : `id ${vni}`,
    ...local === null ? [] : [`local ${local}`],
    ...lower === null ? [] : [`dev ${lower}`],
    `dstport ${port}`,
    ...gbp ? ["gbp"] : [],
    ...udp6ZeroCsumRx ? ["udp6zerocsumrx"] : [],
    ...alias === undefined ? [] : [`alias ${alias}`],
  ].join(" ");
}

/** A wanted device in the same words. */
export function wantedLine({ name, vxlan }: WantedDevice): string {
  const { vni, port, local, lower } = vxlan ?? {};
  return `${name}: vxlan id ${vni} dstport ${port} local ${local} dev ${lower}`;
}
