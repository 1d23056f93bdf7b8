/**
 * Changes of the kernel's state that the agent sends.
 *
 * @module
 */
import type {
  WantedFdb,
  WantedNeighbour,
  WantedRoute,
} from "../flannel/expected_types.ts";
import {
  type FdbEntry,
  FLANDOC_PROTOCOL,
  type Neighbour,
  type Route,
} from "../flannel/kernel.ts";
import type { NetlinkChange } from "../host/netlink/changes.ts";

/** The route flandoc makes for a wanted one. */
export function ownRoute(wanted: WantedRoute): NetlinkChange {
  return {
    kind: "route",
    op: "replace",
    route: {
      family: wanted.family,
      dst: wanted.dst,
      gateway: wanted.gateway,
      device: wanted.device,
      onlink: wanted.onlink,
      protocol: FLANDOC_PROTOCOL,
      // Universe, as flannel has it, also without a gateway.
      scope: 0,
    },
  };
}

/** Takes away exactly one route. */
export function deleteRoute(route: Route): NetlinkChange {
  const { family, dst, gateway, device, metric, protocol, table, type } = route;
  return {
    kind: "route",
    op: "delete",
    route: { family, dst, gateway, device, metric, protocol, table, type },
  };
}

/** The neighbour entry of a peer. */
export function ownNeighbour(wanted: WantedNeighbour): NetlinkChange {
  const { device, address, mac } = wanted;
  return {
    kind: "neighbour",
    op: "replace",
    neighbour: { device, address, mac, state: "PERMANENT" },
  };
}

/** The FDB entry of a peer. */
export function ownFdb(wanted: WantedFdb): NetlinkChange {
  const { device, mac, dst } = wanted;
  return {
    kind: "fdb",
    op: "replace",
    entry: { device, mac, dst, self: true, permanent: true },
  };
}

/** Takes away one neighbour entry. */
export function deleteNeighbour(
  { device, address }: Pick<Neighbour, "device" | "address">,
): NetlinkChange {
  return { kind: "neighbour", op: "delete", neighbour: { device, address } };
}

/** Takes away one FDB entry. */
export function deleteFdb(
  { device, mac, dst }: Pick<FdbEntry, "device" | "mac" | "dst">,
): NetlinkChange {
  return { kind: "fdb", op: "delete", entry: { device, mac, dst, self: true } };
}
