import * as k from "./constants.ts";
import { decodeAddress } from "./decode_address.ts";
import { decodeLink, nameLink } from "./decode_link.ts";
import { decodeFdb, decodeNeighbour } from "./decode_neighbour.ts";
import { decodeRoute } from "./decode_route.ts";
import { decodeRule } from "./decode_rule.ts";
import type { DeviceNames } from "./device_names.ts";
import type { MessageReader } from "./message_reader.ts";
import type { MonitorEvent, ObjectEvent } from "./monitor_events.ts";

/** `NFT_MSG_NEWGEN` of `NFNL_SUBSYS_NFTABLES`. */
const NEWGEN = 10 << 8 | 15;
const NFTA_GEN_ID = 1;
const NFTA_GEN_PROC_PID = 2;
const NFTA_GEN_PROC_NAME = 3;
/** `struct nfgenmsg`. */
const NETFILTER_HEADER = 4;

/**
 * Decodes one multicast message of `NETLINK_ROUTE`, and keeps the names up to
 * date with the links it tells of; null for what flandoc does not model.
 */
export function decodeEvent(
  message: MessageReader,
  names: DeviceNames,
): MonitorEvent | null {
  const change = DELETIONS.has(message.type) ? "delete" : "new";
  const event: ObjectEvent = { change, port: message.port };
  switch (message.type) {
    case k.RTM_NEWLINK:
    case k.RTM_DELLINK:
      return decodeLinkEvent(message, names, event);
    case k.RTM_NEWADDR:
    case k.RTM_DELADDR: {
      const address = decodeAddress(message, names);
      return address && { type: "address", ...event, address };
    }
    case k.RTM_NEWROUTE:
    case k.RTM_DELROUTE: {
      const route = decodeRoute(message, names);
      return route && { type: "route", ...event, route };
    }
    case k.RTM_NEWRULE:
    case k.RTM_DELRULE: {
      const rule = decodeRule(message);
      return rule && { type: "rule", ...event, rule };
    }
    case k.RTM_NEWNEIGH:
    case k.RTM_DELNEIGH: {
      const entry = decodeFdb(message, names);
      if (entry !== null) return { type: "fdb", ...event, entry };
      const neighbour = decodeNeighbour(message, names);
      return neighbour && { type: "neighbour", ...event, neighbour };
    }
    default:
      return null;
  }
}

/** Decodes one multicast message of `NETLINK_NETFILTER`, group nftables. */
export function decodeNetfilterEvent(
  message: MessageReader,
): MonitorEvent | null {
  if (message.type !== NEWGEN) return null;
  const view = { generation: 0, pid: null, process: null } as {
    generation: number;
    pid: number | null;
    process: string | null;
  };
  const attributes = message.attributes(NETFILTER_HEADER);
  while (attributes.next()) {
    switch (attributes.type) {
      case NFTA_GEN_ID:
        view.generation = attributes.u32be();
        break;
      case NFTA_GEN_PROC_PID:
        view.pid = attributes.u32be();
        break;
      case NFTA_GEN_PROC_NAME:
        view.process = attributes.text();
        break;
    }
  }
  return { type: "netfilter", ...view };
}

const DELETIONS: ReadonlySet<number> = new Set([
  k.RTM_DELLINK,
  k.RTM_DELADDR,
  k.RTM_DELROUTE,
  k.RTM_DELRULE,
  k.RTM_DELNEIGH,
]);

function decodeLinkEvent(
  message: MessageReader,
  names: DeviceNames,
  event: ObjectEvent,
): MonitorEvent | null {
  // A port that leaves its bridge is told as RTM_DELLINK of family AF_BRIDGE,
  // while the device stays; the family-less message beside it tells the change.
  if (message.u8(0) !== 0) return null;
  const raw = decodeLink(message);
  const link = nameLink(raw, names);
  if (event.change === "new") names.set(raw.index, raw.name);
  else names.delete(raw.index);
  return { type: "link", ...event, link };
}
