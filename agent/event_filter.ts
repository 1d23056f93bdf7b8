/**
 * Which events of the kernel concern the agent.
 *
 * @module
 */
import {
  type FdbEntry,
  FLANDOC_PROTOCOL,
  type Link,
  MAIN_TABLE,
} from "../flannel/kernel.ts";
import type { MonitorEvent } from "../host/netlink/monitor_events.ts";

/** What the agent has a say in. */
export interface Watched {
  /** Destinations of wanted routes, canonical CIDRs. */
  readonly destinations: Pick<ReadonlySet<string>, "has">;
  /** The external interface and the tunnel devices, by name. */
  readonly devices: ReadonlySet<string>;
  /** The same by ifindex, which stays when a name is changed. */
  readonly indexes: ReadonlySet<number>;
  /** UDP port of the vxlan devices; null without any. */
  readonly port: number | null;
  /** Whether it matters which addresses are on-link: DirectRouting. */
  readonly onLink: boolean;
  /** Where an entry of the forwarding table is to lead; null where unknown. */
  readonly fdbDestination: (entry: FdbEntry) => string | null;
}

/**
 * Whether an event asks for a look. Own changes, told by their port, do not;
 * lost events always do.
 */
export function isRelevant(
  event: MonitorEvent,
  watched: Watched,
  port: number,
): boolean {
  if (event.type === "overrun") return true;
  if (event.type === "netfilter" || event.port === port) return false;
  switch (event.type) {
    case "link":
      return isLinkWatched(event.link, watched);
    case "address":
      return watched.devices.has(event.address.device);
    case "neighbour":
      // The kernel's own doings with a neighbour (port 0) change no
      // permanent one, except that they go with their device.
      return event.port !== 0 && watched.devices.has(event.neighbour.device);
    case "fdb":
      return watched.devices.has(event.entry.device) &&
        !isFdbAsWanted(event, watched);
    case "route":
      return event.route.table === MAIN_TABLE &&
        (watched.destinations.has(event.route.dst) ||
          event.route.protocol === FLANDOC_PROTOCOL ||
          (watched.onLink && event.route.gateway === null));
    default:
      return false;
  }
}

/** A vxlan device on our port may keep ours from being made. */
function isLinkWatched(
  { name, index, vxlan }: Link,
  { devices, indexes, port }: Watched,
): boolean {
  return devices.has(name) || indexes.has(index) ||
    (port !== null && vxlan?.port === port);
}

/**
 * Whether an entry came as it is wanted, or went that nobody wants: our own
 * doing, nearly always. The vxlan driver tells of changes without the port of
 * whoever asked for them.
 */
function isFdbAsWanted(
  { change, entry }: MonitorEvent & { readonly type: "fdb" },
  watched: Watched,
): boolean {
  const wanted = watched.fdbDestination(entry);
  return change === "new"
    ? wanted !== null && entry.dst === wanted && entry.permanent
    : wanted === null;
}
