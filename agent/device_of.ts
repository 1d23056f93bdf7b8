import type { NetlinkChange } from "../host/netlink/changes.ts";

/** Name of the device that a change is made on; null where it is on none. */
export function deviceOf(change: NetlinkChange): string | null {
  switch (change.kind) {
    case "route":
      return change.route.device ?? null;
    case "neighbour":
      return change.neighbour.device;
    case "fdb":
      return change.entry.device;
    case "address":
      return change.address.device;
    case "link":
      return change.name;
    case "rule":
      return null;
  }
}
