/**
 * `flandoc fix --forward`: the kernel's filter lets containers of this network
 * talk, by the two rules that flannel itself makes (`iptables-forward-rules`).
 *
 * @module
 */
import type { CheckCode } from "../checks/check.ts";
import { dropPlace } from "../checks/nat/drop_lines.ts";
import { dropManager, managerCommands } from "../checks/nat/drop_manager.ts";
import { forwardFilters } from "../checks/nat/forward_filters.ts";
import {
  type DropHit,
  familyOf,
  firewallManagers,
  type Overlay,
  overlayDrops,
  parseIptablesRule,
  routedDrops,
} from "../flannel/firewall/mod.ts";
import type { NetfilterBackend, Ruleset } from "../flannel/firewall/rule.ts";
import type { Action, NetfilterEdit, Plan, Refusal } from "./action.ts";
import { judged } from "./findings.ts";
import type { Fix, PlanInput } from "./fix.ts";
import { netfilterCommands } from "./netfilter_commands.ts";
import { type OverlayRules, overlayRules } from "./overlay_facts.ts";

const CODE: CheckCode = "FD606";

/** Rules inserted at the head: both directions, this network only. */
function editsFor(network: string): NetfilterEdit[] {
  return [
    { op: "insert", rule: `-d ${network} -j ACCEPT`, position: 1 },
    { op: "insert", rule: `-s ${network} -j ACCEPT`, position: 1 },
  ];
}

/** Family of the table that iptables has for an overlay's packets. */
function tableFamily(overlay: Overlay): "ip" | "ip6" {
  return familyOf(overlay) === 4 ? "ip" : "ip6";
}

/** The rulesets as they are with the rules at the head of a filter chain. */
function withEdits(
  rulesets: readonly Ruleset[],
  backend: NetfilterBackend,
  chain: string,
  overlay: Overlay,
): Ruleset[] {
  const edits = editsFor(overlay.network);
  const family = tableFamily(overlay);
  const added = edits.map(({ rule }) =>
    parseIptablesRule(`-A ${chain} ${rule}`, new Set())
  );
  return rulesets.map((ruleset) =>
    ruleset.backend !== backend ? ruleset : {
      ...ruleset,
      tables: ruleset.tables.map((table) =>
        table.name !== "filter" || table.family !== family ? table : {
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
  { rulesets, overlay }: OverlayRules,
  backend: NetfilterBackend,
  name: string,
): boolean {
  const family = tableFamily(overlay);
  return rulesets.filter((ruleset) => ruleset.backend === backend)
    .flatMap(({ tables }) => tables)
    .filter((table) => table.name === "filter" && table.family === family)
    .some(({ chains }) => chains.some((chain) => chain.name === name));
}

/** Drops of everything: what FD606 calls an error. */
function wholeDrops(
  rulesets: readonly Ruleset[],
  { overlay }: OverlayRules,
): DropHit[] {
  return overlayDrops(rulesets, overlay, "forward")
    .filter(({ part }) => part === "whole");
}

/**
 * The chain in which the rules help: DOCKER-USER, which outlives Docker's
 * restarts and comes first, unless what drops stands before it.
 */
function chainFor(
  backend: NetfilterBackend,
  rules: OverlayRules,
): string | undefined {
  const { rulesets, overlay } = rules;
  return ["DOCKER-USER", "FORWARD"].find((chain) =>
    hasChain(rules, backend, chain) &&
    !wholeDrops(withEdits(rulesets, backend, chain, overlay), rules)
      .some((hit) => hit.backend === backend)
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
    family: familyOf(overlay),
    table: "filter",
    chain,
    edits: editsFor(overlay.network),
  } as const;
  // An early accept would overrule policies and filters: only when named.
  const overrules = firewallManagers(rulesets).some(({ policy }) => policy) ||
    forwardFilters(rulesets, overlay, backend).length > 0;
  return {
    fix: "forward",
    code: CODE,
    risk: overrules ? "overrides" : "safe",
    change,
    ...netfilterCommands(change, rulesets),
  };
}

/** The rule or policy that drops, as FD606 names it. */
function subjectOf({ rule, chain }: DropHit): string {
  return rule?.text ?? `-P ${chain} DROP`;
}

function refuse(hit: DropHit, reason: string, extra = {}): Refusal {
  const subject = subjectOf(hit);
  const rule = hit.rule === null && hit.backend === "nftables"
    ? `${hit.table} ${hit.chain}: policy drop`
    : subject;
  return {
    fix: "forward",
    code: CODE,
    subject,
    reason,
    arguments: { rule, ...extra },
  };
}

/** Why a drop is left as it is; null where rules at a chain's head help. */
function refusalOf(hit: DropHit, rules: OverlayRules): Refusal | null {
  const owner = dropManager(hit, rules.rulesets);
  if (owner !== null) {
    const command = managerCommands(owner, rules.overlay.network).join("; ");
    return refuse(hit, "policy", { owner, command });
  }
  if (hit.part !== "whole") return refuse(hit, "partly");
  if (hit.backend === "nftables") return refuse(hit, "nft");
  if (hit.hook !== "forward") return refuse(hit, "deep");
  return chainFor(hit.backend, rules) === undefined
    ? refuse(hit, "deep")
    : null;
}

/**
 * One backend after the other: what the first drops, the second is not asked
 * about, so that it is looked at with the first repaired.
 */
function acceptAll(rules: OverlayRules): Action[] {
  const actions: Action[] = [];
  let now = rules;
  for (;;) {
    const hit = wholeDrops(now.rulesets, now)
      .find((each) => refusalOf(each, now) === null);
    const chain = hit && chainFor(hit.backend, now);
    if (hit === undefined || chain === undefined) return actions;
    actions.push(accept(hit.backend, chain, rules));
    const { backend } = hit;
    const rulesets = withEdits(now.rulesets, backend, chain, now.overlay);
    now = { ...now, rulesets };
  }
}

function plan(input: PlanInput): Plan {
  const { findings: all, refusal } = judged(input, "forward", CODE);
  // Warnings are for whoever asks for this repair by name.
  const findings = all.filter(({ severity }) =>
    input.named || severity === undefined
  );
  const refused = refusal === undefined ? [] : [refusal];
  const rules = overlayRules(input.facts);
  if (rules === null || findings.length === 0) {
    return { actions: [], refusals: refused };
  }
  const found = new Set(findings.map(({ subject }) => subject));
  const left = rules.flatMap((each) => {
    const hits = routedDrops(each.rulesets, each.overlay)
      .filter((hit) => found.has(subjectOf(hit)));
    // Behind a filter of somebody's a policy drops a part, else the whole.
    const whole = new Set(
      hits.filter(({ part }) => part === "whole").map(dropPlace),
    );
    const counted = hits
      .filter((hit) => hit.part === "whole" || !whole.has(dropPlace(hit)));
    // Each place once, though both directions and states meet it.
    return [...Map.groupBy(counted, dropPlace).values()]
      .map(([hit]) => refusalOf(hit!, each))
      .filter((refusal) => refusal !== null);
  });
  return {
    actions: rules.flatMap((each) => acceptAll(each)),
    refusals: [...refused, ...left],
  };
}

/** Accepts forwarded traffic of the network, of this network only. */
export const FORWARD_FIX: Fix = { name: "forward", codes: [CODE], plan };
