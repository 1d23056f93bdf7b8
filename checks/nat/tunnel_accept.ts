import type { Underlay } from "../../flannel/firewall/frame_traffic.ts";
import { familyOf, firewallManagers } from "../../flannel/firewall/mod.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import type { TunnelHit } from "../../flannel/firewall/tunnel_filter.ts";
import { shellQuote } from "../shell_quote.ts";
import { type DropManager, dropManager } from "./drop_manager.ts";
import { firewalldZone, zoneOfChain } from "./firewalld_zone.ts";
import { nftWord, placeTool } from "./overlay.ts";

/** A rule that asks nothing, as firewalld ends the chain INPUT with iptables. */
function isLast({ rule, chain }: TunnelHit): boolean {
  const match = rule?.match;
  return chain === "INPUT" && rule?.target.kind === "REJECT" &&
    Object.keys(match!).length === 1 && match!.other.length === 0;
}

function managerOf(
  hit: TunnelHit,
  rulesets: readonly Ruleset[],
): DropManager | null {
  const manager = dropManager(hit, rulesets);
  if (manager !== null) return manager;
  const isThere = firewallManagers(rulesets).some((each) =>
    each.manager === "firewalld" && each.backend === hit.backend
  );
  return isThere && (zoneOfChain(hit.chain) !== null || isLast(hit))
    ? "firewalld"
    : null;
}

/** ufw 0.36 and newer know `prepend`: what it has after a deny is not asked. */
function ufwCommand(
  { chain, direction }: TunnelHit,
  { port }: Underlay,
  address: string,
): string {
  const words = /^ufw6?-user-/.test(chain) ? "ufw prepend" : "ufw";
  return direction === "in"
    ? `${words} allow proto udp from ${address} to any port ${port}`
    : `${words} allow out proto udp to ${address} port ${port}`;
}

/** Rich rules that accept are asked after what denies, but for a priority. */
const PRIORITIES: Readonly<Record<string, string>> = {
  deny: 'priority="-1" ',
  pre: 'priority="-32768" ',
};

function firewalldCommand(
  hit: TunnelHit,
  { port, overlay, external }: Underlay,
  address: string,
  rulesets: readonly Ruleset[],
): string {
  const found = firewalldZone(hit, rulesets, external.name);
  const zone = found === null ? "" : `--zone=${shellQuote(found.zone)} `;
  const priority = PRIORITIES[found?.part ?? ""] ?? "";
  const version = familyOf(overlay) === 4 ? "ipv4" : "ipv6";
  const rule =
    `rule ${priority}family="${version}" source address="${address}" port port="${port}" protocol="udp" accept`;
  return `firewall-cmd --permanent ${zone}--add-rich-rule=${shellQuote(rule)}`;
}

/**
 * What lets one address's packets pass, in the words of whoever drops them.
 *
 * @param address CIDR of other hosts
 */
export function tunnelAccept(
  hit: TunnelHit,
  underlay: Underlay,
  address: string,
  rulesets: readonly Ruleset[],
): string {
  const { port, overlay } = underlay;
  const { backend, family, table, chain, direction, hook } = hit;
  const isIn = direction === "in";
  const manager = managerOf(hit, rulesets);
  if (manager === "ufw") return ufwCommand(hit, underlay, address);
  if (manager === "firewalld" && isIn) {
    return firewalldCommand(hit, underlay, address, rulesets);
  }
  if (backend === "nftables") {
    const side = isIn ? "saddr" : "daddr";
    return `nft insert rule ${family} ${table} ${chain} ${
      nftWord(overlay)
    } ${side} ${address} udp dport ${port} accept`;
  }
  const tool = placeTool(hit, rulesets);
  const option = table === "filter" ? "" : `-t ${table} `;
  return `${tool} ${option}-I ${hook.toUpperCase()} ${
    isIn ? "-s" : "-d"
  } ${address} -p udp --dport ${port} -j ACCEPT`;
}
