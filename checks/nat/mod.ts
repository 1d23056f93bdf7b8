import type { Check } from "../check.ts";
import { DOCKER_RAW_DROP } from "./docker_raw_drop.ts";
import { FORWARD_DROP } from "./forward_drop.ts";
import { FRAME_DROP } from "./frame_drop.ts";
import { MASQUERADE_DUPLICATE } from "./masquerade_duplicate.ts";
import { MASQUERADE_LEFTOVER } from "./masquerade_leftover.ts";
import { MASQUERADE_MISSING } from "./masquerade_missing.ts";
import { MASQUERADE_ORDER } from "./masquerade_order.ts";
import { MASQUERADE_OVERLAY } from "./masquerade_overlay.ts";
import { REPAIR_NOT_PERSISTENT } from "./repair_not_persistent.ts";

/** FD6xx: NAT and filter. */
export const NAT_CHECKS: readonly Check[] = [
  MASQUERADE_OVERLAY,
  MASQUERADE_DUPLICATE,
  MASQUERADE_MISSING,
  MASQUERADE_ORDER,
  MASQUERADE_LEFTOVER,
  FORWARD_DROP,
  DOCKER_RAW_DROP,
  REPAIR_NOT_PERSISTENT,
  FRAME_DROP,
];
