/**
 * When the firewall is looked at: on events of nftables, which iptables-nft
 * causes too, when legacy iptables has changed, and by a timer.
 *
 * @module
 */
import { LegacyWatch } from "../../host/netfilter/legacy_watch.ts";
import { openMonitor } from "../../host/netlink/monitor.ts";
import { pause } from "../../stores/backoff.ts";
import type { Logger } from "../log.ts";
import type { Waker } from "../waker.ts";
import type { FirewallKeeper, FirewallTarget } from "./keeper.ts";

/** Options of {@linkcode keepFirewall}. */
export interface KeepFirewallOptions {
  readonly keeper: FirewallKeeper;
  readonly target: () => FirewallTarget;
  /** `--iptables-resync` in milliseconds: where the kernel tells nothing. */
  readonly resyncMs: number;
  /** Asks for a look when the target has changed. */
  readonly waker: Waker;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly netns?: string;
}

/** A look at least so often, ms, also where events tell of every change. */
const SLOWEST_MS = 60_000;
/** From an event to the look: Docker commits one rule after the other. */
const SETTLE_MS = 150;
/** A look may take this part of the time at most … */
const SHARE = 8;
/** … but whatever else goes on, a change waits no longer for one, ms. */
const LONGEST_PAUSE_MS = 2_000;
/**
 * Legacy iptables is asked so often whether it has changed, ms: with the pauses
 * around a look a rule is back within a second. It takes 0.1 % of a core.
 */
const LEGACY_MS = 500;

/** Looks at the firewall until the signal aborts. */
export async function keepFirewall(
  options: KeepFirewallOptions,
): Promise<void> {
  const { keeper, signal, waker, target } = options;
  keeper.follow(target);
  const watching = watchNft(options);
  using legacy = new LegacyWatch(options.netns);
  while (!signal.aborted) {
    const before = legacy.fingerprint();
    const started = performance.now();
    const hasRepaired = await keeper.keep(target());
    const took = performance.now() - started;
    // Somebody may undo a repair at once or during the pause, and it is as it
    // was before.
    const isOther = hasRepaired || legacy.fingerprint() !== before;
    const rest = Math.min(took * SHARE, LONGEST_PAUSE_MS);
    await pause(Math.max(SETTLE_MS, rest), signal);
    if (isOther || await waitForChange(options, legacy, before)) {
      await pause(SETTLE_MS, signal);
    }
  }
  waker.wake();
  await watching;
}

/** Waits for a change or for time; whether there was a change. */
async function waitForChange(
  { signal, resyncMs, waker }: KeepFirewallOptions,
  legacy: LegacyWatch,
  before: string,
): Promise<boolean> {
  // Without legacy rules the kernel tells of all there is, with few of them
  // they are read so often that nothing else has to be.
  const isSilent = legacy.fingerprint() !== "" && !legacy.seesAll;
  const wait = isSilent ? resyncMs : Math.max(resyncMs, SLOWEST_MS);
  const end = performance.now() + wait;
  while (!signal.aborted) {
    if (legacy.fingerprint() !== before) return true;
    const left = end - performance.now();
    if (left <= 0) return false;
    if (await waker.wait(Math.min(left, LEGACY_MS), signal)) return true;
  }
  return false;
}

/** Wakes on every commit to nftables. */
async function watchNft(
  { netns, signal, waker, log }: KeepFirewallOptions,
): Promise<void> {
  try {
    await using monitor = openMonitor({
      netfilter: true,
      signal,
      ...netns === undefined ? {} : { netns },
    });
    for (;;) {
      const events = await monitor.read();
      if (events === null) return;
      if (events.some((e) => e.type === "netfilter" || e.type === "overrun")) {
        waker.wake();
      }
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    log.error(
      `Cannot watch nftables, changes are found once a minute: ${text}`,
    );
  }
}
