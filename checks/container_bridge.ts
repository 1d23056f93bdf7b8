/**
 * Which device the containers of this host hang on.
 *
 * @module
 */
import { containsAddress, parseCidr } from "../flannel/cidr.ts";
import type { LocalNode } from "../flannel/expected_types.ts";
import type { Address, Link } from "../flannel/kernel.ts";

/**
 * The bridge that carries an address of the own subnet, of either family:
 * docker0, cni0 or whatever it is called here. Null while there is none, as on a Kubernetes
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
  const { lease } = facts.node;
  const cidrs = [lease?.subnet, lease?.ipv6Subnet]
    .flatMap((subnet) => subnet ? [parseCidr(subnet)] : []);
  const holders = facts.links.filter((link) =>
    link.kind === "bridge" &&
    facts.addresses.some(({ device, address }) =>
      device === link.name &&
      cidrs.some((cidr) => containsAddress(cidr, address))
    )
  );
  // A bridge that Docker has left may keep its address, with nobody on it.
  const found = holders.find(({ up, carrier }) => up && carrier) ??
    holders.find(({ up }) => up) ?? holders[0];
  return found?.name ?? null;
}
