/**
 * What a person types to take flannel's rules away, in an order in which no
 * packet fares worse in between.
 *
 * @module
 */
import type { FilledPlace } from "../../flannel/firewall/mod.ts";
import { rulePlaces } from "../../flannel/firewall/mod.ts";
import type { Rule, Ruleset } from "../../flannel/firewall/rule.ts";
import { chainKey } from "../../flannel/firewall/rule_places.ts";
import { deleteCommand, placeTool } from "./overlay.ts";

/** Chains of flannel's own in nat. */
const OWN_CHAIN = /^(FLANNEL-POSTRTG|postrtg)$/;

/** Whether a rule is in a chain of flannel's own. */
export function isInOwnChain({ chain }: FilledPlace): boolean {
  return OWN_CHAIN.test(chain);
}

/** What leads to others first, what lets packets pass last. */
function rank({ rule: { target } }: FilledPlace): number {
  if (target.kind === "JUMP" || target.kind === "GOTO") return 0;
  return target.kind === "RETURN" || target.kind === "ACCEPT" ? 2 : 1;
}

/** The rules in the order in which they are to go. */
export function inRemovalOrder<P extends FilledPlace>(
  places: readonly P[],
): P[] {
  return places.toSorted((a, b) => rank(a) - rank(b));
}

/** What is empty once rules are gone: the chain, or in nftables the table. */
function emptied(
  place: FilledPlace,
  gone: ReadonlySet<Rule>,
  rulesets: readonly Ruleset[],
): string[] {
  const { backend, family, table, chain } = place;
  const others = rulePlaces(rulesets, family === "ip6" ? 6 : 4)
    .filter(({ rule }) => !gone.has(rule));
  if (others.some((other) => chainKey(other) === chainKey(place))) return [];
  if (backend !== "nftables") {
    return [`${placeTool(place, rulesets)} -t ${table} -X ${chain}`];
  }
  const isTable = others.every((other) =>
    other.backend !== backend || other.family !== family ||
    other.table !== table
  );
  const what = isTable ? "table" : "chain";
  const name = `${family} ${table}${isTable ? "" : ` ${chain}`}`;
  return [`nft delete ${what} ${name}`];
}

/** Commands that delete rules, and then flannel's own chain if it is empty. */
export function removalCommands(
  places: readonly FilledPlace[],
  rulesets: readonly Ruleset[],
): string[] {
  const gone = new Set(places.map(({ rule }) => rule));
  const own = Map.groupBy(places.filter(isInOwnChain), chainKey);
  return [
    ...inRemovalOrder(places).map((place) => deleteCommand(place, rulesets))
      .filter((command) => command !== null),
    ...[...own.values()].flatMap(([first]) => emptied(first!, gone, rulesets)),
  ];
}
