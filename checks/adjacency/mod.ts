import type { Check } from "../check.ts";
import { ARP_DUPLICATE } from "./arp_duplicate.ts";
import { ARP_PROXIED } from "./arp_proxied.ts";
import { FORWARDING_BLOCKED } from "./forwarding_blocked.ts";
import { PEER_SILENT } from "./peer_silent.ts";

/** FD5xx: the segment between the hosts. */
export const ADJACENCY_CHECKS: readonly Check[] = [
  PEER_SILENT,
  ARP_PROXIED,
  ARP_DUPLICATE,
  FORWARDING_BLOCKED,
];
