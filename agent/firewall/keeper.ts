/**
 * Keeps flannel's firewall rules, and Docker's in its bounds.
 *
 * @module
 */
import type { LocalNode } from "../../flannel/expected_types.ts";
import type { Overlay } from "../../flannel/firewall/overlay_traffic.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import type { Lease } from "../../flannel/lease.ts";
import type { NetworkConfig } from "../../flannel/network_config_types.ts";
import { atLeast } from "../../flannel/version.ts";
import { applyNetfilter } from "../../host/netfilter/apply_netfilter.ts";
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
import { bridgeOf, foreignRewrites, scopeChange } from "./docker_scope.ts";
import { iptablesScript } from "./iptables_script.ts";
import { leftoverChanges } from "./leftovers.ts";
import { nftScript } from "./nft_text.ts";
import { type WantedRules, wantedRules } from "./wanted_rules.ts";

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
  /** Lease for which leftovers were looked for. */
  #cleanedFor: string | null = null;
  #problems: readonly string[] = [];

  constructor(options: FirewallKeeperOptions) {
    this.#options = options;
    const { netns } = options;
    this.#netns = netns === undefined ? {} : { netns };
  }

  /** Whether there is anything to keep. */
  get isNeeded(): boolean {
    const { ipMasq, forwardRules, snat } = this.#options;
    return ipMasq || forwardRules || snat;
  }

  /** What is not as it should be. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Whether changes cause no event, so that only a timer finds them. */
  get isSilent(): boolean {
    return [...this.#tools.values()].some((tool) =>
      tool.backend === "iptables-legacy"
    );
  }

  /** Looks and puts right. Never throws. */
  async keep(node: LocalNode): Promise<void> {
    const { lease } = node;
    if (lease === null) return;
    const problems: string[] = [];
    const parts = [
      () => this.#keepRules(lease),
      () => this.#keepScope(node, lease),
    ];
    for (const part of parts) {
      try {
        await part();
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        problems.push(text);
        this.#sayOnce(text);
      }
    }
    if (problems.length === 0) this.#said.clear();
    this.#problems = problems;
  }

  #sayOnce(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.#options.log.error(text);
  }

  async #keepRules(lease: Lease): Promise<void> {
    const { config, ipMasq, forwardRules } = this.#options;
    if (!ipMasq && !forwardRules) return;
    for (const wanted of await this.#wanted(lease)) {
      if (this.#cleanedFor !== lease.key) await this.#clean(wanted);
      if (config.enableNFTables) await this.#keepNft(wanted);
      else await this.#keepIptables(wanted);
    }
    this.#cleanedFor = lease.key;
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
      const script = iptablesScript(table, rules);
      if (script === null || !this.#mayRepair(`${name} ${wanted.family}`)) {
        continue;
      }
      await restorePlain(tool, script, this.#netns);
      this.#repaired(`flannel's rules in ${tool.backend} ${name}`);
    }
  }

  async #keepNft(wanted: WantedRules): Promise<void> {
    const name = wanted.rules[0]?.table;
    if (name === undefined) return;
    const family = wanted.family === 4 ? "ip" : "ip6";
    const table = await readNftTable(family, name, this.#netns);
    const script = nftScript(table, wanted);
    if (script === null || !this.#mayRepair(`nft ${name}`)) return;
    await runNft(script, this.#netns);
    this.#repaired(`nftables table ${family} ${name}`);
  }

  /** Once for each lease: what other versions and networks left. */
  async #clean(wanted: WantedRules): Promise<void> {
    const { config, log } = this.#options;
    const rulesets = await this.#rulesets();
    const backend = config.enableNFTables
      ? "nftables"
      : this.#tools.get(wanted.family)!.backend;
    for (const change of leftoverChanges(rulesets, wanted, backend)) {
      await applyNetfilter(change, this.#netns);
      log.info(
        `Removed ${change.edits.length} rules that flannel left in ${change.backend} ${change.table} ${change.chain}`,
      );
    }
  }

  async #rulesets(): Promise<readonly Ruleset[]> {
    const fact = await readNetfilter(this.#netns);
    if (isKnown(fact)) return fact.known;
    throw new Error(`Cannot read the firewall: ${fact.unknown}`);
  }

  async #keepScope(node: LocalNode, lease: Lease): Promise<void> {
    if (!this.#options.snat) return;
    const overlay = this.#overlay(node, lease);
    if (overlay === null) return;
    for (let count = 0; count < MOST_SCOPES; count++) {
      const rulesets = await this.#rulesets();
      const change = scopeChange(rulesets, overlay);
      if (change === null) {
        for (const text of foreignRewrites(rulesets, overlay)) {
          this.#sayOnce(
            `A rule that is not Docker's hides containers from other hosts; it is left alone: ${text}`,
          );
        }
        return;
      }
      if (!this.#mayRepair(`scope ${change.backend}`)) return;
      await applyNetfilter(change, this.#netns);
      this.#repaired(`Docker's masquerade rule in ${change.backend}`);
    }
  }

  #overlay(node: LocalNode, lease: Lease): Overlay | null {
    const { config, kernel } = this.#options;
    if (config.ipv4 === null || lease.subnet === null) return null;
    const { vxlan } = config;
    const tunnels = vxlan === undefined ? [] : [`flannel.${vxlan.vni}`];
    const direct = vxlan === undefined || vxlan.directRouting;
    return {
      network: config.ipv4.network,
      subnet: lease.subnet,
      bridge: bridgeOf(lease.subnet, kernel.links(), kernel.addresses()),
      overlayDevices: [...tunnels, ...direct ? [node.device] : []],
      externalDevice: node.device,
    };
  }

  #mayRepair(key: string): boolean {
    const answer = this.#restraint.allow(key);
    if (answer === "last") {
      this.#options.log.error(
        `Somebody keeps changing ${key}: put right 5 times in a minute; slowing down`,
      );
    }
    return answer === "yes";
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
