import type { Check } from "../check.ts";
import { OWN_SUBNET_ROUTED_AWAY } from "./own_subnet_routed_away.ts";
import { PEER_NOT_ONLINK } from "./peer_not_onlink.ts";
import { PEER_OTHER_INTERFACE } from "./peer_other_interface.ts";
import { ROUTE_LINK_DOWN } from "./route_link_down.ts";
import { ROUTE_MISSING } from "./route_missing.ts";
import { ROUTE_SHADOWED } from "./route_shadowed.ts";
import { ROUTE_STALE } from "./route_stale.ts";
import { ROUTE_WRONG } from "./route_wrong.ts";

/** FD4xx: routes to the peers' subnets. */
export const ROUTE_CHECKS: readonly Check[] = [
  ROUTE_MISSING,
  ROUTE_WRONG,
  ROUTE_STALE,
  ROUTE_SHADOWED,
  OWN_SUBNET_ROUTED_AWAY,
  ROUTE_LINK_DOWN,
  PEER_OTHER_INTERFACE,
  PEER_NOT_ONLINK,
];
