/**
 * Takes out what a run with `--ip-masq` left, where it harms.
 *
 * @module
 */
import {
  familyOf,
  type Overlay,
} from "../../flannel/firewall/overlay_traffic.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import type { Lease } from "../../flannel/lease.ts";
import type { NetworkConfig } from "../../flannel/network_config_types.ts";
import { legacyTables } from "../../host/netfilter/legacy_tables.ts";
import { readNftTable } from "../../host/netfilter/nft_script.ts";
import {
  type PlainIptables,
  savePlainTable,
} from "../../host/netfilter/plain_iptables.ts";
import { readNetfilter } from "../../host/netfilter/read_netfilter.ts";
import { isKnown } from "../../snapshot/fact.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { leftMasquerade } from "./left_masquerade.ts";
import { leftPlace, takeLeftMasquerade } from "./take_left_masquerade.ts";

/** Options of {@linkcode LeftMasqueradeKeeper}; those of the keeper of all. */
export interface LeftMasqueradeOptions {
  readonly config: Pick<NetworkConfig, "enableNFTables">;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly netns?: string;
  /** Whether another flannel agent keeps another network on this host. */
  readonly isBesideOther: () => boolean;
  /** Networks that this host was in before. */
  readonly formerNetworks: readonly string[];
  /** Whether rules of any kind were asked for, so that they must be readable. */
  readonly isAsked: boolean;
  /** The host's `iptables` of a family, once it is known. */
  readonly tool: (family: 4 | 6) => PlainIptables | undefined;
  /** Whether a repair may be made now. */
  readonly mayRepair: (what: string) => boolean;
  readonly sayOnce: (text: string) => void;
}

/** What `--ip-masq` left, lease after lease. */
export class LeftMasqueradeKeeper {
  readonly #options: LeftMasqueradeOptions;
  readonly #netns: { readonly netns?: string };
  /** Leases for which it was looked for everywhere, by family. */
  readonly #seenFor = new Map<4 | 6, string>();

  constructor(options: LeftMasqueradeOptions) {
    this.#options = options;
    const { netns } = options;
    this.#netns = netns === undefined ? {} : { netns };
  }

  /** Takes out what harms containers of a lease. Throws when it cannot. */
  async take(overlay: Overlay, lease: Lease): Promise<void> {
    const { isBesideOther, formerNetworks, log, metrics } = this.#options;
    const family = familyOf(overlay);
    const isFirst = this.#seenFor.get(family) !== lease.key;
    const rulesets = await this.#rulesets(family, isFirst);
    if (rulesets === null) return;
    const find = (isAlone: boolean) =>
      leftMasquerade(rulesets, overlay, { isAlone, formerNetworks });
    const all = find(true);
    for (const left of all.length > 0 && isBesideOther() ? find(false) : all) {
      const where = leftPlace(left);
      if (!this.#options.mayRepair(`what --ip-masq left in ${where}`)) continue;
      await takeLeftMasquerade(left, rulesets, this.#netns);
      metrics.add("flandoc_firewall_repairs_total");
      log.info(
        `Removed ${left.places.length} rules of a run with --ip-masq from ${where}: they hide containers of ${overlay.subnet} from other hosts. Docker or CNI have to masquerade now`,
      );
    }
    this.#seenFor.set(family, lease.key);
  }

  /**
   * The rules that masquerade: everywhere the first time for a lease, then only
   * where this host's `iptables` or flannel's table has them, as with
   * `--ip-masq`, for to read all of them takes long on a host with many. Null
   * where they cannot be read and nobody asked for any.
   */
  async #rulesets(
    family: 4 | 6,
    isFirst: boolean,
  ): Promise<readonly Ruleset[] | null> {
    if (isFirst) {
      const fact = await readNetfilter(this.#netns);
      if (isKnown(fact)) return fact.known;
      const text = `Cannot read the firewall: ${fact.unknown}`;
      if (this.#options.isAsked) throw new Error(text);
      // Who was told to keep no rule may have no program for rules, either.
      this.#options.sayOnce(text);
      return null;
    }
    const tool = this.#options.tool(family);
    if (this.#options.config.enableNFTables) {
      const [ip, name] = family === 4
        ? ["ip", "flannel-ipv4"]
        : ["ip6", "flannel-ipv6"];
      const table = await readNftTable(ip!, name!, this.#netns);
      return table === null ? [] : [{ backend: "nftables", tables: [table] }];
    }
    if (tool === undefined) return [];
    // To save a legacy table that does not exist makes it, and with it NAT.
    const isLegacy = tool.backend === "iptables-legacy";
    const { netns } = this.#netns;
    if (isLegacy && !legacyTables(family, netns).includes("nat")) return [];
    const table = await savePlainTable(tool, "nat", this.#netns);
    return table === null ? [] : [{ backend: tool.backend, tables: [table] }];
  }
}
