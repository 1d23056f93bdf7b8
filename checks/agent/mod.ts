/**
 * FD8xx: the agent on this host.
 *
 * @module
 */
import type { Check } from "../check.ts";
import { AGENT_DUPLICATE } from "./agent_duplicate.ts";
import { AGENT_FLAGS } from "./agent_flags.ts";
import { AGENT_NOT_RUNNING } from "./agent_not_running.ts";
import { AGENT_UNHEALTHY } from "./agent_unhealthy.ts";

/** Checks of the agent, in the order of their codes. */
export const AGENT_CHECKS: readonly Check[] = [
  AGENT_NOT_RUNNING,
  AGENT_UNHEALTHY,
  AGENT_FLAGS,
  AGENT_DUPLICATE,
];
