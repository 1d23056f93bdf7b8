import type { Check } from "../check.ts";
import { IP_FORWARD_OFF } from "./ip_forward_off.ts";
import { RP_FILTER_STRICT } from "./rp_filter_strict.ts";

/** FD7xx: settings of the kernel. */
export const KERNEL_CHECKS: readonly Check[] = [
  IP_FORWARD_OFF,
  RP_FILTER_STRICT,
];
