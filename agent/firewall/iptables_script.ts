/**
 * Flannel's iptables chains: what to give iptables-restore to put them right.
 *
 * @module
 */
import { ruleKey } from "../../flannel/firewall/compare.ts";
import type { FlannelRule } from "../../flannel/firewall/flannel_shapes.ts";
import type { Chain, Rule, Table } from "../../flannel/firewall/rule.ts";
import { ruleSpecification } from "../../flannel/firewall/scope_rule.ts";

/** Whether a rule only leads into a chain. */
function leadsTo(rule: Rule, chain: string): boolean {
  return rule.target.kind === "JUMP" && rule.target.chain === chain;
}

function chainOf(table: Table | null, name: string): Chain | undefined {
  return table?.chains.find((chain) => chain.name === name);
}

/** Whether a chain holds exactly these rules in this order. */
export function holds(
  chain: Chain | undefined,
  wanted: readonly FlannelRule[],
): boolean {
  if (chain === undefined || chain.rules.length !== wanted.length) return false;
  return wanted.every(({ rule }, index) =>
    ruleKey(chain.rules[index]!) === ruleKey(rule)
  );
}

/** Whether a chain holds these rules in this order, whatever is between. */
export function holdsAmong(
  chain: Chain | undefined,
  wanted: readonly FlannelRule[],
): boolean {
  let next = 0;
  for (const rule of chain?.rules ?? []) {
    const want = wanted[next];
    if (want !== undefined && ruleKey(rule) === ruleKey(want.rule)) next++;
  }
  return chain !== undefined && next === wanted.length;
}

/** A rule for everybody's packets, the same for each network. */
function isForAll({ match }: Rule): boolean {
  return match.source === undefined && match.destination === undefined;
}

/**
 * Lines that put rules into a chain that another agent has rules in, too:
 * those there go and all come at the end, in order.
 */
function fillShared(chain: Chain, wanted: readonly FlannelRule[]): string[] {
  const there = new Set(chain.rules.map((rule) => ruleKey(rule)));
  const keys = new Set(wanted.map(({ rule }) => ruleKey(rule)));
  return [
    ...chain.rules.filter((rule) => !isForAll(rule) && keys.has(ruleKey(rule)))
      .map(({ text }) => `-D ${chain.name} ${ruleSpecification(text)}`),
    ...wanted.filter(({ rule }) => !isForAll(rule) || !there.has(ruleKey(rule)))
      .map(({ rule }) => rule.text),
  ];
}

/** Lines that put rules into a chain of their own: emptied, and filled. */
function fillAlone(name: string, wanted: readonly FlannelRule[]): string[] {
  return [`:${name} - [0:0]`, ...wanted.map(({ rule }) => rule.text)];
}

/**
 * The lines that put one table right, or null when it is as wanted: flannel's
 * own chain with exactly its rules in order, and one jump to it at the end of
 * its hook. The chain is emptied and filled in one transaction; nobody else's
 * rule is touched.
 *
 * @param isShared whether another agent keeps the rules of another network in
 *   the same chain, which stay then: flannel has one name for all networks
 * @param table as read; null when the kernel has none of that name
 * @param wanted rules of that table: jumps and the chains they lead to
 */
export function iptablesScript(
  table: Table | null,
  wanted: readonly FlannelRule[],
  isShared = false,
): string | null {
  const jumps = wanted.filter(({ rule }) => rule.target.kind === "JUMP");
  const name = wanted[0]?.table;
  if (name === undefined) return null;
  const lines: string[] = [];
  for (const jump of jumps) {
    const { target } = jump.rule;
    const own = target.kind === "JUMP" ? target.chain : "";
    const rules = wanted.filter((each) => each.chain === own);
    const chain = chainOf(table, own);
    if (!isShared || chain === undefined) {
      if (!holds(chain, rules)) lines.push(...fillAlone(own, rules));
    } else if (!holdsAmong(chain, rules)) {
      lines.push(...fillShared(chain, rules));
    }
    const there = (chainOf(table, jump.chain)?.rules ?? [])
      .filter((rule) => leadsTo(rule, own));
    if (there.length === 0) lines.push(jump.rule.text);
    for (const surplus of there.slice(1)) {
      lines.push(`-D ${jump.chain} ${ruleSpecification(surplus.text)}`);
    }
  }
  if (lines.length === 0) return null;
  // Chains are declared before any rule.
  const sorted = [
    ...lines.filter((line) => line.startsWith(":")),
    ...lines.filter((line) => !line.startsWith(":")),
  ];
  return [`*${name}`, ...sorted, "COMMIT", ""].join("\n");
}
