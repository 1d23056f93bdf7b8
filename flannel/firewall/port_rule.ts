import type { Chain, Match, Ruleset, Table } from "./rule.ts";
import type { RulePlace } from "./walk.ts";

function namesPort({ inDevice, outDevice }: Match): boolean {
  return [inDevice, outDevice].some((asked) => asked?.not === false);
}

/** Rules that lead to a chain, with the chains they are in. */
function waysTo(
  name: string,
  { chains }: Table,
): { readonly match: Match; readonly from: Chain }[] {
  return chains.flatMap((from) =>
    from.rules.filter(({ target }) =>
      (target.kind === "JUMP" || target.kind === "GOTO") &&
      target.chain === name
    ).map(({ match }) => ({ match, from }))
  );
}

function isPortsChain(
  name: string,
  table: Table,
  seen: readonly string[] = [],
): boolean {
  const ways = waysTo(name, table).filter(({ from }) =>
    !seen.includes(from.name)
  );
  return ways.length > 0 &&
    ways.every(({ match, from }) =>
      namesPort(match) ||
      (from.hook === null && isPortsChain(from.name, table, [...seen, name]))
    );
}

/**
 * Whether a rule is for single ports of a bridge: it names some, or every way
 * to its chain does, as with libvirt's `-i vnet0 -j libvirt-J-vnet0`.
 */
export function isPortRule(
  rulesets: readonly Ruleset[],
  { backend, family, table: name, chain, rule }: RulePlace,
): boolean {
  if (family !== "bridge" || rule === null) return false;
  if (namesPort(rule.match)) return true;
  return rulesets.filter((each) => each.backend === backend)
    .flatMap(({ tables }) => tables)
    .filter((table) => table.family === family && table.name === name)
    .some((table) => isPortsChain(chain, table));
}
