/**
 * FD1xx: the network config.
 *
 * @module
 */
import type { Check } from "../check.ts";
import { BACKEND_UNKNOWN } from "./backend_unknown.ts";
import { CONFIG_API_MISMATCH } from "./config_api_mismatch.ts";
import { CONFIG_INVALID } from "./config_invalid.ts";
import { CONFIG_MISSING } from "./config_missing.ts";
import { CONFIG_UNKNOWN_OPTION } from "./config_unknown_option.ts";
import { NETWORK_CHANGED } from "./network_changed.ts";
import { NETWORK_NOT_CANONICAL } from "./network_not_canonical.ts";
import { NETWORK_OVERLAP } from "./network_overlap.ts";
import { SUBNETS_EXHAUSTED } from "./subnets_exhausted.ts";

/** Checks of the network config, in the order of their codes. */
export const CONFIG_CHECKS: readonly Check[] = [
  CONFIG_MISSING,
  CONFIG_INVALID,
  CONFIG_API_MISMATCH,
  CONFIG_UNKNOWN_OPTION,
  BACKEND_UNKNOWN,
  NETWORK_NOT_CANONICAL,
  NETWORK_OVERLAP,
  SUBNETS_EXHAUSTED,
  NETWORK_CHANGED,
];
