/**
 * When the firewall is looked at: on events of nftables, which iptables-nft
 * causes too, and by a timer.
 *
 * @module
 */
import type { LocalNode } from "../../flannel/expected_types.ts";
import { openMonitor } from "../../host/netlink/monitor.ts";
import { pause } from "../../stores/backoff.ts";
import type { FirewallKeeper } from "./keeper.ts";

/** Options of {@linkcode keepFirewall}. */
export interface KeepFirewallOptions {
  readonly keeper: FirewallKeeper;
  readonly node: () => LocalNode;
  /** `--iptables-resync` in milliseconds: where the kernel tells nothing. */
  readonly resyncMs: number;
  readonly signal: AbortSignal;
  readonly netns?: string;
}

/** A look at least so often, ms, also where events tell of every change. */
const SLOWEST_MS = 60_000;
/** From an event to the look: Docker commits one rule after the other. */
const SETTLE_MS = 150;
/** A look may take this part of the time at most. */
const SHARE = 8;

/** Looks at the firewall until the signal aborts. */
export async function keepFirewall(
  options: KeepFirewallOptions,
): Promise<void> {
  const { keeper, signal, resyncMs, netns } = options;
  if (!keeper.isNeeded) return;
  let wake = () => {};
  await using monitor = openMonitor({
    netfilter: true,
    ...(netns === undefined ? {} : { netns }),
  });
  const watch = async () => {
    for (;;) {
      const events = await monitor.read();
      if (events === null) return;
      if (events.some((e) => e.type === "netfilter" || e.type === "overrun")) {
        wake();
      }
    }
  };
  const watching = watch();
  signal.addEventListener("abort", () => void monitor.close(), { once: true });
  while (!signal.aborted) {
    const started = performance.now();
    let changed = false;
    const woken = new AbortController();
    wake = () => {
      changed = true;
      woken.abort();
    };
    await keeper.keep(options.node());
    const took = performance.now() - started;
    await pause(Math.max(SETTLE_MS, took * SHARE), signal);
    if (changed && !signal.aborted) continue;
    const wait = keeper.isSilent ? resyncMs : Math.max(resyncMs, SLOWEST_MS);
    await pause(wait, AbortSignal.any([signal, woken.signal]));
    if (!signal.aborted && changed) await pause(SETTLE_MS, signal);
  }
  await watching;
}
