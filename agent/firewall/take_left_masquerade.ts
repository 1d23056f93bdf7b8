import { familyOf } from "../../flannel/firewall/overlay_traffic.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import { ruleSpecification } from "../../flannel/firewall/scope_rule.ts";
import { applyNetfilter } from "../../host/netfilter/apply_netfilter.ts";
import { deleteChain } from "../../host/netfilter/delete_chain.ts";
import { runNft } from "../../host/netfilter/nft_script.ts";
import type { LeftMasquerade } from "./left_masquerade.ts";
import { ownChains } from "./own_chains.ts";

/** Where rules are, for people: `iptables-nft nat FLANNEL-POSTRTG`. */
export function leftPlace({ places }: LeftMasquerade): string {
  const { backend, family, table, chain } = places[0]!;
  const where = backend === "nftables" ? `nftables ${family}` : backend;
  return `${
    family === "ip6" ? where.replace("iptables", "ip6tables") : where
  } ${table} ${chain}`;
}

/**
 * Takes rules out of their chain, all at once or none; a chain that holds
 * nothing else goes with the jumps to it.
 *
 * @param rulesets in which the rules were found
 * @throws {NetfilterError} when the chain has changed since
 * @throws {ProgramError} when the backend's tool refuses
 */
export async function takeLeftMasquerade(
  left: LeftMasquerade,
  rulesets: readonly Ruleset[],
  options: { readonly netns?: string } = {},
): Promise<void> {
  const { backend, family, table, chain } = left.places[0]!;
  const version = familyOf({ network: left.places[0]!.network! });
  if (left.isWhole && backend === "nftables") {
    const where = `chain ${family} ${table} ${chain}`;
    await runNft(`flush ${where}\ndelete ${where}\n`, options);
    return;
  }
  const whole = ownChains(rulesets).find((each) =>
    each.backend === backend && each.family === version &&
    each.table === table && each.chain === chain
  );
  if (left.isWhole && whole !== undefined) {
    await deleteChain(whole, options);
    return;
  }
  await applyNetfilter({
    kind: "netfilter",
    backend,
    family: version,
    table,
    chain,
    // From the end, so that positions before hold.
    edits: left.places.toReversed().map(({ rule, position }) => ({
      op: "delete",
      rule: ruleSpecification(rule.text),
      position,
    })),
  }, options);
}
