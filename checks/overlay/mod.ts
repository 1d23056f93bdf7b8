import type { Check } from "../check.ts";
import { FDB_WRONG } from "./fdb_wrong.ts";
import { NEIGHBOUR_WRONG } from "./neighbour_wrong.ts";
import { OVERLAY_STALE } from "./overlay_stale.ts";
import { TUNNEL_ADDRESS } from "./tunnel_address.ts";
import { VTEP_MAC_MISMATCH } from "./vtep_mac_mismatch.ts";
import { VXLAN_DIFFERS } from "./vxlan_differs.ts";
import { VXLAN_MISSING } from "./vxlan_missing.ts";
import { VXLAN_PORT_CONFLICT } from "./vxlan_port_conflict.ts";

/** FD505 to FD513: the tunnel device and what is on it. */
export const OVERLAY_CHECKS: readonly Check[] = [
  VXLAN_MISSING,
  VXLAN_DIFFERS,
  VTEP_MAC_MISMATCH,
  NEIGHBOUR_WRONG,
  FDB_WRONG,
  OVERLAY_STALE,
  VXLAN_PORT_CONFLICT,
  TUNNEL_ADDRESS,
];
