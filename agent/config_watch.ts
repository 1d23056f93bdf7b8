/**
 * Whether the network config in the store is still the one the agent works by.
 *
 * @module
 */
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { pause } from "../stores/backoff.ts";
import { isSameConfig } from "./config_change.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { SubnetManager } from "./subnet_manager.ts";

/** Options of {@linkcode watchConfig}. */
export interface ConfigWatchOptions {
  readonly manager: Pick<SubnetManager, "currentConfig">;
  /** The config the agent works by. */
  readonly config: NetworkConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
  /** Milliseconds between looks, give or take a quarter. @default 120000 */
  readonly periodMs?: number;
}

/** The part of a config that a person wrote. */
function summary({ ipv4, ipv6, ...config }: NetworkConfig): string {
  const { backendType, backendOptions } = config;
  const ranges = [ipv4, ipv6].filter((range) => range !== null)
    .map((r) => `${r.network} /${r.subnetLen} ${r.subnetMin}-${r.subnetMax}`);
  return [
    ...ranges,
    backendType,
    JSON.stringify(backendOptions),
    ...config.enableNFTables ? ["nftables"] : [],
  ].join(" ");
}

/**
 * Looks at the config now and then until the signal aborts. Another one is
 * not followed, as by flannel: hosts that change one by one, whenever they
 * notice, would be two networks. It is told loudly instead.
 */
export async function watchConfig(options: ConfigWatchOptions): Promise<void> {
  const { manager, config, log, metrics, signal } = options;
  const { periodMs = 120_000 } = options;
  let told = "";
  for (;;) {
    await pause(periodMs * (0.75 + Math.random() / 2), signal);
    if (signal.aborted) return;
    // A store that is away is told of by others.
    const now = await manager.currentConfig?.(signal).catch(() => config) ??
      null;
    if (signal.aborted) return;
    const text = now === null
      ? "gone or of no use"
      : isSameConfig(now, config)
      ? ""
      : summary(now);
    metrics.set("flandoc_config_changed", text === "" ? 0 : 1);
    if (text === told) continue;
    told = text;
    if (text === "") {
      log.info("The network config is again the one this agent works by");
    } else {
      log.error(
        "THE NETWORK CONFIG IN THE STORE IS ANOTHER ONE NOW. This agent goes on with the one it started with: restart flandoc, and flanneld, on every host when the change is wanted",
        { was: summary(config), is: text },
      );
    }
  }
}
