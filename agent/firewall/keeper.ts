/**
 * Keeps flannel's firewall rules, and Docker's in its bounds.
 *
 * @module
 */
import type { Overlay } from "../../flannel/firewall/overlay_traffic.ts";
import type { NetfilterBackend, Ruleset } from "../../flannel/firewall/rule.ts";
import type { Lease } from "../../flannel/lease.ts";
import type { NetworkConfig } from "../../flannel/network_config_types.ts";
import type { OverlayDevices } from "../../flannel/overlay_devices.ts";
import { ownNetworks } from "../../flannel/own_networks.ts";
import { atLeast } from "../../flannel/version.ts";
import { applyNetfilter } from "../../host/netfilter/apply_netfilter.ts";
import {
  deleteChain,
  deleteNftTable,
} from "../../host/netfilter/delete_chain.ts";
import { readNftTable, runNft } from "../../host/netfilter/nft_script.ts";
import {
  type PlainIptables,
  plainIptables,
  restorePlain,
  savePlainTable,
} from "../../host/netfilter/plain_iptables.ts";
import { readNetfilter } from "../../host/netfilter/read_netfilter.ts";
import { isKnown } from "../../snapshot/fact.ts";
import type { Kernel } from "../kernel.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { Restraint } from "../restraint.ts";
import {
  bridgeOf,
  foreignRewrites,
  formerScope,
  scopeChange,
} from "./docker_scope.ts";
import { ownChains, ownTables } from "./own_chains.ts";
import { iptablesScript } from "./iptables_script.ts";
import { LeftMasqueradeKeeper } from "./left_masquerade_keeper.ts";
import { leftoverChanges } from "./leftovers.ts";
import { nftScript } from "./nft_text.ts";
import { type WantedRules, wantedRules } from "./wanted_rules.ts";

/** The host as the firewall is kept for. */
export interface FirewallTarget {
  /** Null while this host has none. */
  readonly lease: Lease | null;
  /** The external interface. */
  readonly device: string;
  /** Devices by which packets to other hosts' containers leave, by family. */
  readonly overlayDevices: OverlayDevices;
}

/** Options of {@linkcode FirewallKeeper}. */
export interface FirewallKeeperOptions {
  readonly config: NetworkConfig;
  readonly ipMasq: boolean;
  readonly forwardRules: boolean;
  readonly randomFully: boolean;
  /** Keep Docker's masquerade rule off the flannel network. */
  readonly snat: boolean;
  readonly kernel: Pick<Kernel, "links" | "addresses">;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly netns?: string;
  /** Whether another flannel agent keeps another network on this host. */
  readonly isBesideOther: () => boolean;
  /** Networks that this host was in before, as its subnet.env said. */
  readonly formerNetworks: readonly string[];
}

/** Release of iptables that knows `MASQUERADE --random-fully`. */
const RANDOM_FULLY_SINCE = "1.6.2";

/** Docker's rules that are scoped at one go, a bound against surprises. */
const MOST_SCOPES = 16;

/** One look at the firewall, and what it takes to put it right. */
export class FirewallKeeper {
  readonly #options: FirewallKeeperOptions;
  readonly #netns: { readonly netns?: string };
  readonly #restraint = new Restraint({ most: 5, withinMs: 60_000 });
  readonly #tools = new Map<4 | 6, PlainIptables>();
  readonly #said = new Set<string>();
  /** Leases for which leftovers were looked for, by family. */
  readonly #cleanedFor = new Map<4 | 6, string>();
  readonly #left: LeftMasqueradeKeeper;
  /** Whether the backends that hold no rules now were looked at. */
  #cleanedOthers = false;
  /** The host as it is now. */
  #now: (() => FirewallTarget) | null = null;
  /** The lease of the last look. */
  #seen: Lease | null = null;
  #problems: readonly string[] = ["The firewall has not been looked at yet"];
  /** Whether the look that is going on has changed anything. */
  #hasRepaired = false;
  /** Problems of the look that is going on. */
  #found: string[] = [];

  constructor(options: FirewallKeeperOptions) {
    this.#options = options;
    const { netns } = options;
    this.#netns = netns === undefined ? {} : { netns };
    this.#left = new LeftMasqueradeKeeper({
      ...options,
      isAsked: this.isNeeded,
      tool: (family) => this.#tools.get(family),
      mayRepair: (what) => this.#mayRepair(what),
      sayOnce: (text) => this.#sayOnce(text),
    });
  }

  /** Whether rules are to be there; else harmful ones are to be away. */
  get isNeeded(): boolean {
    const { ipMasq, forwardRules, snat } = this.#options;
    return ipMasq || forwardRules || snat;
  }

  /** Has `problems` know that the host has another lease than at the last look. */
  follow(target: () => FirewallTarget): void {
    this.#now = target;
  }

  /** What is not as it should be. */
  get problems(): readonly string[] {
    const lease = this.#now?.().lease ?? null;
    if (lease === null || this.#seen === null || lease.key === this.#seen.key) {
      return this.#problems;
    }
    return [
      `The firewall has not been looked at yet for ${lease.subnet}`,
      ...this.#problems,
    ];
  }

  /** Looks and puts right; whether it changed anything. Never throws. */
  async keep(target: FirewallTarget): Promise<boolean> {
    const { lease } = target;
    if (lease === null) return false;
    this.#found = [];
    this.#hasRepaired = false;
    await this.#attempt(() => this.#keepRules(lease));
    await this.#attempt(() => this.#takeLeft(target, lease));
    await this.#attempt(() => this.#keepScope(target, lease));
    if (this.#found.length === 0) this.#said.clear();
    this.#problems = this.#found;
    this.#seen = lease;
    return this.#hasRepaired;
  }

  /** What cannot be done is told, and leaves the rest to be done. */
  async #attempt(part: () => Promise<void>): Promise<void> {
    try {
      await part();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#found.push(text);
      this.#sayOnce(text);
    }
  }

  #sayOnce(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.#options.log.error(text);
  }

  async #keepRules(lease: Lease): Promise<void> {
    const { config, ipMasq, forwardRules } = this.#options;
    if (!ipMasq && !forwardRules) return;
    const all = await this.#wanted(lease);
    const kept: WantedRules[] = [];
    for (const wanted of all) {
      await this.#attempt(async () => {
        if (config.enableNFTables) await this.#keepNft(wanted);
        else await this.#keepIptables(wanted);
        kept.push(wanted);
      });
    }
    // Leftovers go after the new rules are there, so that there is no moment
    // without any.
    if (kept.length === all.length) {
      await this.#attempt(() => this.#cleanOthers());
    }
    for (const wanted of kept) {
      const { family } = wanted;
      if (this.#cleanedFor.get(family) === lease.key) continue;
      await this.#attempt(async () => {
        await this.#clean(wanted);
        this.#cleanedFor.set(family, lease.key);
      });
    }
  }

  async #wanted(lease: Lease): Promise<WantedRules[]> {
    const { config, ipMasq, forwardRules } = this.#options;
    let { randomFully } = this.#options;
    if (!config.enableNFTables) {
      for (const family of familiesOf(config)) {
        if (this.#tools.has(family)) continue;
        this.#tools.set(family, await plainIptables(family, this.#netns));
      }
      randomFully &&= [...this.#tools.values()].every((tool) =>
        atLeast(tool.version, RANDOM_FULLY_SINCE)
      );
    }
    return wantedRules(config, lease, { ipMasq, forwardRules, randomFully });
  }

  async #keepIptables(wanted: WantedRules): Promise<void> {
    const tool = this.#tools.get(wanted.family)!;
    for (const [name, rules] of Map.groupBy(wanted.rules, (r) => r.table)) {
      const table = await savePlainTable(tool, name, this.#netns);
      const script = this.#scriptOf((shared) =>
        iptablesScript(table, rules, shared)
      );
      const family = wanted.family === 4 ? "" : "IPv6 ";
      const what = `flannel's ${family}rules in ${tool.backend} ${name}`;
      if (script === null || !this.#mayRepair(what)) continue;
      await restorePlain(tool, script, this.#netns);
      this.#repaired(what);
    }
  }

  /**
   * What puts rules right. Who else runs is only looked for where something
   * is to be done: processes take longer to read than rules.
   */
  #scriptOf(script: (isShared: boolean) => string | null): string | null {
    const alone = script(false);
    return alone !== null && this.#options.isBesideOther()
      ? script(true)
      : alone;
  }

  async #keepNft(wanted: WantedRules): Promise<void> {
    const name = wanted.rules[0]?.table;
    if (name === undefined) return;
    const family = wanted.family === 4 ? "ip" : "ip6";
    const table = await readNftTable(family, name, this.#netns);
    const script = this.#scriptOf((shared) => nftScript(table, wanted, shared));
    const what = `nftables table ${family} ${name}`;
    if (script === null || !this.#mayRepair(what)) return;
    await runNft(script, this.#netns);
    this.#repaired(what);
  }

  /**
   * Once for each lease: what other versions and networks left.
   */
  async #clean(wanted: WantedRules): Promise<void> {
    const { config, log } = this.#options;
    const rulesets = await this.#rulesets();
    const backend: NetfilterBackend = config.enableNFTables
      ? "nftables"
      : this.#tools.get(wanted.family)!.backend;
    const { isBesideOther, formerNetworks } = this.#options;
    const around = { isAlone: !isBesideOther(), formerNetworks };
    for (
      const change of leftoverChanges(rulesets, wanted, backend, around)
    ) {
      await applyNetfilter(change, this.#netns);
      log.info(
        `Removed ${change.edits.length} rules that flannel left in ${change.backend} ${change.table} ${change.chain}`,
      );
    }
  }

  /**
   * Once: flannel's chains and tables in the backends that hold nothing wanted,
   * whatever they are for, as flanneld does at its start.
   */
  async #cleanOthers(): Promise<void> {
    const { config, log } = this.#options;
    if (this.#cleanedOthers) return;
    // Another agent's chains and tables have the same names.
    if (this.#options.isBesideOther()) {
      this.#cleanedOthers = true;
      return;
    }
    const rulesets = await this.#rulesets();
    const [tool] = this.#tools.values();
    const backend = config.enableNFTables ? "nftables" : tool?.backend;
    for (const chain of ownChains(rulesets)) {
      if (chain.backend === backend) continue;
      await deleteChain(chain, this.#netns);
      log.info(
        `Removed chain ${chain.chain} of ${chain.backend} ${chain.table}, IPv${chain.family}`,
      );
    }
    for (const { family, table } of ownTables(rulesets)) {
      if (backend === "nftables") break;
      await deleteNftTable(family, table, this.#netns);
      log.info(`Removed nftables table ${family} ${table}`);
    }
    this.#cleanedOthers = true;
  }

  /** Without `--ip-masq`: rules of a run with it that harm. */
  async #takeLeft(target: FirewallTarget, lease: Lease): Promise<void> {
    if (this.#options.ipMasq) return;
    const isSeen = this.#seen?.key === lease.key && this.#problems.length === 0;
    if (!this.isNeeded && isSeen) return;
    for (const overlay of this.#overlays(target, lease)) {
      await this.#attempt(() => this.#left.take(overlay, lease));
    }
  }

  async #rulesets(): Promise<readonly Ruleset[]> {
    const fact = await readNetfilter(this.#netns);
    if (isKnown(fact)) return fact.known;
    throw new Error(`Cannot read the firewall: ${fact.unknown}`);
  }

  async #keepScope(target: FirewallTarget, lease: Lease): Promise<void> {
    if (!this.#options.snat) return;
    for (const overlay of this.#overlays(target, lease)) {
      await this.#keepScopeOf(overlay);
    }
  }

  async #keepScopeOf(overlay: Overlay): Promise<void> {
    for (let count = 0; count < MOST_SCOPES; count++) {
      const rulesets = await this.#rulesets();
      const { kernel } = this.#options;
      const change = scopeChange(rulesets, overlay) ??
        formerScope(rulesets, overlay, kernel.addresses());
      if (change === null) {
        this.#tellForeign(rulesets, overlay);
        return;
      }
      const family = change.family === 4 ? "" : "IPv6 ";
      const what = `Docker's ${family}masquerade rule in ${change.backend}`;
      if (!this.#mayRepair(what)) return;
      await applyNetfilter(change, this.#netns);
      this.#repaired(what);
    }
  }

  #tellForeign(rulesets: readonly Ruleset[], overlay: Overlay): void {
    for (const text of foreignRewrites(rulesets, overlay)) {
      this.#sayOnce(
        `A rule that is not Docker's hides containers from other hosts; it is left alone: ${text}`,
      );
    }
  }

  /** The overlay as this host sees it, once for each family. */
  #overlays(
    { device, overlayDevices }: FirewallTarget,
    lease: Lease,
  ): Overlay[] {
    const { config, kernel } = this.#options;
    return ownNetworks(config, lease).map(({ family, network, subnet }) => ({
      network,
      subnet,
      bridge: bridgeOf(subnet, kernel.links(), kernel.addresses()),
      overlayDevices: overlayDevices[family],
      externalDevice: device,
    }));
  }

  #mayRepair(what: string): boolean {
    const answer = this.#restraint.allow(what);
    if (answer === "yes") {
      this.#hasRepaired = true;
      return true;
    }
    if (answer === "last") {
      this.#options.log.error(
        `Somebody keeps changing ${what}: put right 5 times in a minute; slowing down`,
      );
    }
    this.#found.push(`${what} is kept wrong by somebody`);
    return false;
  }

  #repaired(what: string): void {
    this.#options.metrics.add("flandoc_firewall_repairs_total");
    this.#options.log.info(`Put ${what} right`);
  }
}

function familiesOf(config: NetworkConfig): (4 | 6)[] {
  return [
    ...config.ipv4 === null ? [] : [4 as const],
    ...config.ipv6 === null ? [] : [6 as const],
  ];
}
