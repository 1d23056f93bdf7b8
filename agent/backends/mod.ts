/**
 * The backends that the agent has.
 *
 * @module
 */
import { alloc } from "./alloc.ts";
import {
  type Backend,
  type BackendContext,
  BackendError,
  type BackendFactory,
} from "./backend.ts";
import { hostGw } from "./host_gw.ts";
import { udp } from "./udp.ts";
import { vxlan } from "./vxlan.ts";

const FACTORIES: Readonly<Record<string, BackendFactory>> = {
  "alloc": alloc,
  "host-gw": hostGw,
  "udp": udp,
  "vxlan": vxlan,
};

/** Names of the backends that the agent has, sorted. */
export const AGENT_BACKENDS: readonly string[] = Object.keys(FACTORIES).sort();

/**
 * Makes the backend of a network.
 *
 * @throws {BackendError} when flandoc has none of that type, or this host
 * cannot be part of it
 */
export function createBackend(context: BackendContext): Backend {
  const { backendType, backendGiven } = context.config;
  const factory = FACTORIES[backendType];
  if (factory !== undefined) return factory(context);
  const asked = backendGiven
    ? `Backend type "${backendType}"`
    : `The config names no Backend, which means "${backendType}"; it`;
  throw new BackendError(
    `${asked} is none that flandoc runs: ${AGENT_BACKENDS.join(", ")}`,
  );
}
