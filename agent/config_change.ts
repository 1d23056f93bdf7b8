/**
 * Whether a network config became another one.
 *
 * @module
 */
import type { NetworkConfig } from "../flannel/network_config_types.ts";

/** Raised when the agent must start over with another network config. */
export class NetworkChanged extends Error {
  override readonly name = "NetworkChanged";
  constructor() {
    super("The network config in the store is another one now");
  }
}

/** Whether two configs ask for the same network. */
export function isSameConfig(a: NetworkConfig, b: NetworkConfig): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
