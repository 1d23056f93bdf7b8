/**
 * Rulesets from the texts that the tools print, kept beside the parsers.
 *
 * @module
 */
import { join } from "node:path";
import { parseIptables } from "../../flannel/firewall/parse_iptables.ts";
import { parseNft } from "../../flannel/firewall/parse_nft.ts";
import type { NetfilterBackend, Ruleset } from "../../flannel/firewall/rule.ts";

const ROOT = join(import.meta.dirname!, "..", "..");
const TESTDATA = join(ROOT, "flannel", "firewall", "testdata");

/** A ruleset from text of iptables-save. */
export function iptablesRuleset(
  text: string,
  backend: Exclude<NetfilterBackend, "nftables"> = "iptables-nft",
): Ruleset {
  return { backend, tables: parseIptables(text).tables };
}

/**
 * A stored ruleset: `docker28`, `docker29`, `firewalld`, `kubernetes`,
 * `kubernetes_nft`, `iptables_services`, `ufw`, or a captured host such as
 * `host-gw/ha`.
 */
export function storedRuleset(name: string): Ruleset {
  if (name.includes("/")) {
    const path = join(ROOT, "tests", "captures", name, "iptables-save.txt");
    return iptablesRuleset(Deno.readTextFileSync(path));
  }
  const path = join(TESTDATA, name);
  try {
    return iptablesRuleset(Deno.readTextFileSync(`${path}.iptables`));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const tables = parseNft(
      Deno.readTextFileSync(`${path}.json`),
      Deno.readTextFileSync(`${path}.txt`),
    );
    return { backend: "nftables", tables };
  }
}
