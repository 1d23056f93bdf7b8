/**
 * The catalogue: every check flandoc knows, by code. Codes and names are fixed
 * for ever; a retired number is never reused (see `RETIRED_CODES`).
 *
 * @module
 */
import type { Check, CheckCode } from "./check.ts";
import { CONFIG_CHECKS } from "./config/mod.ts";
import { STORE_CHECKS } from "./store/mod.ts";
import { BRIDGE_CHECKS } from "./bridge/mod.ts";
import { ROUTE_CHECKS } from "./routes/mod.ts";
import { ADJACENCY_CHECKS } from "./adjacency/mod.ts";
import { NEIGHBOUR_PINNED } from "./adjacency/neighbour_pinned.ts";
import { OVERLAY_CHECKS } from "./overlay/mod.ts";
import { ENCAPSULATION_BLOCKED } from "./nat/encapsulation_blocked.ts";
import { NAT_CHECKS } from "./nat/mod.ts";
import { KERNEL_CHECKS } from "./kernel/mod.ts";
import { AGENT_CHECKS } from "./agent/mod.ts";

/** Codes that once meant something and must not be given out again. */
export const RETIRED_CODES: readonly CheckCode[] = [];

/** All checks, in the order of their codes. */
export const CATALOGUE: readonly Check[] = [
  ...CONFIG_CHECKS,
  ...STORE_CHECKS,
  ...BRIDGE_CHECKS,
  ...ROUTE_CHECKS,
  ...ADJACENCY_CHECKS,
  ...OVERLAY_CHECKS,
  ENCAPSULATION_BLOCKED,
  NEIGHBOUR_PINNED,
  ...NAT_CHECKS,
  ...KERNEL_CHECKS,
  ...AGENT_CHECKS,
];

/** Finds a check by code (`FD601`, `601`) or name, in any case. */
export function findCheck(query: string): Check | undefined {
  const wanted = query.trim().toLowerCase();
  return CATALOGUE.find((check) =>
    check.code.toLowerCase() === wanted || check.name === wanted ||
    check.code.slice(2) === wanted
  );
}
