/**
 * Docker's masquerade rules that are scoped: what `--snat` leaves of itself.
 *
 * @module
 */
import { contains, parseCidr, tryParseCidr } from "../../flannel/cidr.ts";
import { backendsInUse } from "../../flannel/firewall/backends_in_use.ts";
import { dockerMasqueradeForm } from "../../flannel/firewall/docker_masquerade.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import {
  chainKey,
  type FilledPlace,
  rulePlaces,
} from "../../flannel/firewall/rule_places.ts";
import { ruleSpecification } from "../../flannel/firewall/scope_rule.ts";
import { typedRule } from "../../flannel/firewall/typed_rule.ts";

/** A rule of Docker's form with `! -d NETWORK` in it. */
export interface ScopedRule {
  readonly place: FilledPlace;
  /** What makes it Docker's own again, command by command. */
  readonly commands: readonly string[];
}

type Form = ReturnType<typeof dockerMasqueradeForm>;

/** How a rule stands to a network, for whichever bridge and subnet of it. */
function formOf({ rule }: FilledPlace, network: string): Form {
  const subnet = rule.match.source?.value[0] ?? "";
  const bridge = rule.match.outDevice?.value[0] ?? "";
  const cidr = tryParseCidr(subnet);
  return cidr === null || !contains(parseCidr(network), cidr)
    ? null
    : dockerMasqueradeForm(rule, { subnet, bridge, network });
}

/** The rule as Docker writes it, which has no destination. */
function unscoped(text: string, network: string): string {
  return text.replace(` ! -d ${network}`, "")
    .replace(new RegExp(` ip6? daddr != ${network}`), "");
}

function commandsFor(
  place: FilledPlace,
  network: string,
  hasOwn: boolean,
  rulesets: readonly Ruleset[],
): string[] {
  const { backend, family, table, chain, position, rule } = place;
  const text = ruleSpecification(rule.text);
  if (backend === "nftables") {
    const where = `rule ${family} ${table} ${chain}`;
    const own = unscoped(text, network);
    return hasOwn
      ? [`nft delete ${where} handle ${rule.handle}`]
      : [`nft 'replace ${where} handle ${rule.handle} ${own}'`];
  }
  const used = new Set(backendsInUse(rulesets).map((use) => use.backend));
  const isBoth = used.has("iptables-nft") && used.has("iptables-legacy");
  const name = isBoth ? backend : "iptables";
  const tool = family === "ip6" ? name.replace("iptables", "ip6tables") : name;
  const own = typedRule(unscoped(text, network));
  return [
    ...hasOwn ? [] : [`${tool} -t ${table} -I ${chain} ${position} ${own}`],
    `${tool} -t ${table} -D ${chain} ${typedRule(text)}`,
  ];
}

/**
 * Rules that spare a network as `--snat`, `flandoc fix --snat` or a person
 * makes them of Docker's: nothing in them says who. So nobody but their owner
 * can tell whether they are to go, and Docker does not know them any more.
 */
export function scopedRules(
  rulesets: readonly Ruleset[],
  networks: readonly string[],
): ScopedRule[] {
  return networks.flatMap((network) => {
    const places = rulePlaces(rulesets, network.includes(":") ? 6 : 4);
    const own = places.filter((each) => formOf(each, network) === "unscoped");
    return places.filter((each) => formOf(each, network) === "scoped")
      .map((place) => {
        const subnet = place.rule.match.source!.value[0];
        const hasOwn = own.some((each) =>
          chainKey(each) === chainKey(place) &&
          each.rule.match.source?.value[0] === subnet
        );
        return {
          place,
          commands: commandsFor(place, network, hasOwn, rulesets),
        };
      });
  });
}
