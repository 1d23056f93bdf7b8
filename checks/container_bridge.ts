/**
 * Which device the containers of this host hang on.
 *
 * @module
 */
import { containsAddress, parseCidr } from "../flannel/cidr.ts";
import type { LocalNode } from "../flannel/expected_types.ts";
import type { Address, Link } from "../flannel/kernel.ts";

/**
 * The bridge that carries an address of the own subnet: docker0, cni0 or
 * whatever it is called here. Null while there is none, as on a Kubernetes
 * node without pods. A tunnel device holds the subnet's first address as a
 * /32 and is not meant.
 */
export function containerBridge(
  facts: {
    readonly node: LocalNode;
    readonly links: readonly Link[];
    readonly addresses: readonly Address[];
  },
): string | null {
  const subnet = facts.node.lease?.subnet ?? null;
  if (subnet === null) return null;
  const cidr = parseCidr(subnet);
  const bridges = new Set(
    facts.links.filter((link) => link.kind === "bridge").map((l) => l.name),
  );
  const found = facts.addresses.find((address) =>
    bridges.has(address.device) && containsAddress(cidr, address.address)
  );
  return found?.device ?? null;
}
