/**
 * FD3xx: subnet.env and the containers' bridge.
 *
 * @module
 */
import type { Check } from "../check.ts";
import { BRIDGE_ADDRESS } from "./bridge_address.ts";
import { BRIDGE_MISSING } from "./bridge_missing.ts";
import { BRIDGE_MTU } from "./bridge_mtu.ts";
import { DOCKER_OPTIONS_UNAPPLIED } from "./docker_options_unapplied.ts";
import { IPMASQ_DISAGREES } from "./ipmasq_disagrees.ts";
import { SUBNET_ENV_MALFORMED } from "./subnet_env_malformed.ts";
import { SUBNET_ENV_MISSING } from "./subnet_env_missing.ts";
import { SUBNET_ENV_MTU } from "./subnet_env_mtu.ts";
import { SUBNET_ENV_STALE } from "./subnet_env_stale.ts";

/** Checks of subnet.env and the bridge, in the order of their codes. */
export const BRIDGE_CHECKS: readonly Check[] = [
  SUBNET_ENV_MISSING,
  SUBNET_ENV_MALFORMED,
  SUBNET_ENV_STALE,
  SUBNET_ENV_MTU,
  BRIDGE_ADDRESS,
  BRIDGE_MTU,
  BRIDGE_MISSING,
  IPMASQ_DISAGREES,
  DOCKER_OPTIONS_UNAPPLIED,
];
