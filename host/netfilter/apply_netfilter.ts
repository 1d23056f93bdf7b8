import { applyIptables } from "./apply_iptables.ts";
import { applyNft } from "./apply_nft.ts";
import { inverseChange, type NetfilterChange } from "./chain_edits.ts";
import type { NetfilterOptions } from "./inspect_netfilter.ts";

/**
 * Carries out a change of one chain, all edits in one transaction: no packet
 * meets the chain between two of them, and either all are made or none.
 *
 * Before that the chain is read and every edit checked against it. The edits'
 * positions are those of the chain at that step, from 1.
 *
 * @returns the change that takes it back, for the journal
 * @throws {NetfilterError} when the chain or a rule is not as the change says;
 *   nothing was changed
 * @throws {ProgramError} when the backend's tool fails; nothing was changed
 */
export async function applyNetfilter(
  change: NetfilterChange,
  options: NetfilterOptions = {},
): Promise<NetfilterChange> {
  const steps = change.edits.length === 0
    ? []
    : change.backend === "nftables"
    ? await applyNft(change, options)
    : await applyIptables(change, options);
  return inverseChange(change, steps);
}
