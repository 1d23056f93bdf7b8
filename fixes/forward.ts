/**
 * `flandoc fix --forward`: the kernel's filter lets containers of this network
 * talk, without opening the host to anybody else.
 *
 * @module
 */
import { iptablesTool } from "../checks/nat/overlay.ts";
import type { CheckCode } from "../checks/check.ts";
import {
  type DropHit,
  firewallManagers,
  overlayDrops,
  rulePlaces,
} from "../flannel/firewall/mod.ts";
import type { Action, NetfilterEdit, Plan, Refusal } from "./action.ts";
import { judged } from "./findings.ts";
import type { Fix, PlanInput } from "./fix.ts";
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

/** What stands in DOCKER-USER outlives Docker's restarts and comes first. */
function chainFor(hit: DropHit, { rulesets }: OverlayRules): string {
  const places = rulePlaces(
    rulesets.filter(({ backend }) => backend === hit.backend),
    4,
  );
  const jumps = places.some(({ table, chain, rule }) =>
    table === "filter" && chain === "FORWARD" &&
    rule.target.kind === "JUMP" && rule.target.chain === "DOCKER-USER"
  );
  return jumps ? "DOCKER-USER" : "FORWARD";
}

function accept(hit: DropHit, rules: OverlayRules): Action {
  const { overlay, rulesets } = rules;
  const chain = chainFor(hit, rules);
  const tool = iptablesTool(hit.backend, rulesets);
  const edits = editsFor(overlay.network);
  // An early accept would overrule network policies: only when named.
  const policies = firewallManagers(rulesets).some(({ policy }) => policy);
  return {
    fix: "forward",
    code: CODE,
    risk: policies ? "overrides" : "safe",
    change: {
      kind: "netfilter",
      backend: hit.backend,
      family: 4,
      table: "filter",
      chain,
      edits,
    },
    commands: edits.map(({ rule }) => `${tool} -I ${chain} ${rule}`),
    undoCommands: edits.map(({ rule }) => `${tool} -D ${chain} ${rule}`),
  };
}

function refuse(hit: DropHit, network: string): Refusal {
  const rule = hit.rule?.text ?? `-P ${hit.chain} DROP`;
  const command = hit.owner === "ufw"
    ? `ufw route allow from ${network}; ufw route allow to ${network}`
    : `firewall-cmd --permanent --zone=trusted --add-source=${network}; firewall-cmd --reload`;
  const managed = MANAGERS.has(hit.owner);
  return {
    fix: "forward",
    code: CODE,
    subject: rule,
    reason: managed ? "policy" : "nft",
    arguments: { rule, owner: hit.owner, command },
  };
}

function plan(input: PlanInput): Plan {
  const { findings, refusal } = judged(input, "forward", CODE);
  const refusals = refusal === undefined ? [] : [refusal];
  const rules = overlayRules(input.facts);
  const errors = findings.filter(({ severity }) => severity === undefined);
  if (rules === null || errors.length === 0) return { actions: [], refusals };
  const drops = overlayDrops(rules.rulesets, rules.overlay, "forward")
    .filter(({ part }) => part === "whole");
  const actions = new Map<string, Action>();
  for (const hit of drops) {
    if (MANAGERS.has(hit.owner) || hit.backend === "nftables") {
      refusals.push(refuse(hit, rules.overlay.network));
    } else actions.set(hit.backend, accept(hit, rules));
  }
  return { actions: [...actions.values()], refusals };
}

/** Accepts forwarded traffic of the network, of this network only. */
export const FORWARD_FIX: Fix = { name: "forward", codes: [CODE], plan };
