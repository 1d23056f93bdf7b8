/**
 * The network config in etcd.
 *
 * @module
 */
import { parseNetworkConfig } from "../flannel/network_config.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { Backoff } from "../stores/backoff.ts";
import type { Store } from "../stores/store.ts";
import type { Logger } from "./log.ts";
import { Said } from "./said.ts";

/** A config of which nothing but the result is of interest; null if invalid. */
export function parseConfigText(
  text: string,
  flannelVersion: string,
): NetworkConfig | null {
  return parseNetworkConfig(text, { flannelVersion }).config;
}

/** Parses a config and tells what is odd about it. */
function readText(
  text: string,
  flannelVersion: string,
  log: Logger,
  said: Said,
): NetworkConfig | null {
  const { config, problems, unknownOptions, notCanonical } = parseNetworkConfig(
    text,
    { flannelVersion },
  );
  for (const { message } of problems) {
    said.warn(`The network config cannot be used: ${message}`);
  }
  if (config === null) return null;
  for (const { option } of unknownOptions) {
    log.warning(`The network config has an unknown option: ${option}`);
  }
  for (const { option, written, canonical } of notCanonical) {
    log.warning(`${option} ${written} is taken as ${canonical}`);
  }
  return config;
}

/**
 * Waits until there is a config that can be used.
 *
 * @param first the text where it was read already. @default it is read
 */
export async function waitForConfig(
  store: Store,
  flannelVersion: string,
  log: Logger,
  signal: AbortSignal,
  first: string | null = null,
): Promise<NetworkConfig> {
  const said = new Said(log);
  const backoff = new Backoff(1_000, 5_000);
  for (let known = first;; known = null) {
    signal.throwIfAborted();
    try {
      const text = known ?? await store.readConfig(signal);
      if (text === null) said.warn("There is no network config in etcd yet");
      else {
        const config = readText(text, flannelVersion, log, said);
        if (config !== null) return config;
      }
    } catch (error) {
      signal.throwIfAborted();
      const message = error instanceof Error ? error.message : String(error);
      said.warn(`Cannot read network config: ${message}`);
    }
    await backoff.wait(signal);
  }
}
