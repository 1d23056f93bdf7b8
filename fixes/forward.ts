/**
 * `flandoc fix --forward`: the kernel's filter lets containers of this network
 * talk, by the two rules that flannel itself makes (`iptables-forward-rules`).
 *
 * @module
 */
import type { CheckCode } from "../checks/check.ts";
import {
  type DropHit,
  firewallManagers,
  overlayDrops,
  parseIptablesRule,
} from "../flannel/firewall/mod.ts";
import type { NetfilterBackend, Ruleset } from "../flannel/firewall/rule.ts";
import type { Action, NetfilterEdit, Plan, Refusal } from "./action.ts";
import { judged } from "./findings.ts";
import type { Fix, PlanInput } from "./fix.ts";
import { netfilterCommands } from "./netfilter_commands.ts";
import { type OverlayRules, overlayRules } from "./overlay_facts.ts";

const CODE: CheckCode = "FD606";

/** Owners whose own command is the only lasting repair. */
const MANAGERS = new Set(["firewalld", "ufw"]);

/** Rules inserted at the head: both directions, this network only. */
function editsFor(network: string): NetfilterEdit[] {
  return [
    { op: "insert", rule: `-d ${network} -j ACCEPT`, position: 1 },
    { op: "insert", rule: `-s ${network} -j ACCEPT`, position: 1 },
  ];
}

/** The rulesets as they are with the rules at the head of a filter chain. */
function withEdits(
  rulesets: readonly Ruleset[],
  backend: NetfilterBackend,
  chain: string,
  edits: readonly NetfilterEdit[],
): Ruleset[] {
  const added = edits.map(({ rule }) =>
    parseIptablesRule(`-A ${chain} ${rule}`, new Set())
  );
  return rulesets.map((ruleset) =>
    ruleset.backend !== backend ? ruleset : {
      ...ruleset,
      tables: ruleset.tables.map((table) =>
        table.name !== "filter" || table.family !== "ip" ? table : {
          ...table,
          chains: table.chains.map((each) =>
            each.name !== chain
              ? each
              : { ...each, rules: [...added, ...each.rules] }
          ),
        }
      ),
    }
  );
}

function hasChain(
  rulesets: readonly Ruleset[],
  backend: NetfilterBackend,
  name: string,
): boolean {
  return rulesets.filter((ruleset) => ruleset.backend === backend)
    .flatMap(({ tables }) => tables)
    .filter((table) => table.name === "filter" && table.family === "ip")
    .some(({ chains }) => chains.some((chain) => chain.name === name));
}

/** Whole drops of one backend: what FD606 calls an error. */
function wholeDrops(
  rulesets: readonly Ruleset[],
  { overlay }: OverlayRules,
  backend?: NetfilterBackend,
): DropHit[] {
  return overlayDrops(rulesets, overlay, "forward").filter((hit) =>
    hit.part === "whole" && (backend === undefined || hit.backend === backend)
  );
}

/**
 * The chain in which the rules help: DOCKER-USER, which outlives Docker's
 * restarts and comes first, unless what drops stands before it.
 */
function chainFor(
  backend: NetfilterBackend,
  rules: OverlayRules,
): string | undefined {
  const edits = editsFor(rules.overlay.network);
  return ["DOCKER-USER", "FORWARD"].find((chain) =>
    hasChain(rules.rulesets, backend, chain) &&
    wholeDrops(withEdits(rules.rulesets, backend, chain, edits), rules, backend)
        .length === 0
  );
}

function accept(
  backend: NetfilterBackend,
  chain: string,
  { overlay, rulesets }: OverlayRules,
): Action {
  const change = {
    kind: "netfilter",
    backend,
    family: 4,
    table: "filter",
    chain,
    edits: editsFor(overlay.network),
  } as const;
  // An early accept would overrule network policies: only when named.
  const policies = firewallManagers(rulesets).some(({ policy }) => policy);
  return {
    fix: "forward",
    code: CODE,
    risk: policies ? "overrides" : "safe",
    change,
    ...netfilterCommands(change, rulesets),
  };
}

/** Who has to be asked: the owner of the rule, or of the chain's policy. */
function managerOf(hit: DropHit, { rulesets }: OverlayRules): string | null {
  if (MANAGERS.has(hit.owner)) return hit.owner;
  if (hit.rule !== null) return null;
  const found = firewallManagers(rulesets).find(({ manager, backend }) =>
    MANAGERS.has(manager) && backend === hit.backend
  );
  return found?.manager ?? null;
}

/** The managers' own commands, which last. */
function managerCommands(manager: string, network: string): string {
  return manager === "ufw"
    ? `ufw route allow from ${network}; ufw route allow to ${network}`
    : `firewall-cmd --permanent --zone=trusted --add-source=${network}; firewall-cmd --reload`;
}

function refuse(hit: DropHit, reason: string, extra = {}): Refusal {
  const policy = hit.backend === "nftables"
    ? `${hit.table} ${hit.chain} policy drop`
    : `-P ${hit.chain} DROP`;
  const rule = hit.rule?.text ?? policy;
  return {
    fix: "forward",
    code: CODE,
    subject: rule,
    reason,
    arguments: { rule, ...extra },
  };
}

/** What is done about the drops of one backend. */
function planBackend(hits: readonly DropHit[], rules: OverlayRules): Plan {
  const [first] = hits;
  if (first === undefined) return { actions: [], refusals: [] };
  const { network } = rules.overlay;
  const managed = hits.flatMap((hit): Refusal[] => {
    const owner = managerOf(hit, rules);
    if (owner === null) return [];
    const command = managerCommands(owner, network);
    return [refuse(hit, "policy", { owner, command })];
  });
  if (managed.length > 0) return { actions: [], refusals: managed };
  if (first.backend === "nftables") {
    return { actions: [], refusals: hits.map((hit) => refuse(hit, "nft")) };
  }
  const chain = chainFor(first.backend, rules);
  return chain === undefined
    ? { actions: [], refusals: hits.map((hit) => refuse(hit, "deep")) }
    : { actions: [accept(first.backend, chain, rules)], refusals: [] };
}

function plan(input: PlanInput): Plan {
  const { findings, refusal } = judged(input, "forward", CODE);
  const refusals = refusal === undefined ? [] : [refusal];
  const rules = overlayRules(input.facts);
  const errors = findings.filter(({ severity }) => severity === undefined);
  if (rules === null || errors.length === 0) return { actions: [], refusals };
  const drops = wholeDrops(rules.rulesets, rules);
  const plans = [...Map.groupBy(drops, ({ backend }) => backend).values()]
    .map((hits) => planBackend(hits, rules));
  return {
    actions: plans.flatMap(({ actions }) => actions),
    refusals: [...refusals, ...plans.flatMap((each) => each.refusals)],
  };
}

/** Accepts forwarded traffic of the network, of this network only. */
export const FORWARD_FIX: Fix = { name: "forward", codes: [CODE], plan };
