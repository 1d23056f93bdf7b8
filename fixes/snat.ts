/**
 * `flandoc fix --snat`: Docker's masquerade rule scoped, so that containers
 * keep their address on the way to other hosts' containers.
 *
 * @module
 */
import { isOfBoth } from "../checks/nat/masquerade_overlay.ts";
import { backendName } from "../checks/nat/overlay.ts";
import { allRewrites, flannelRuleSet } from "../checks/nat/rewrites.ts";
import type { CheckCode, Finding } from "../checks/check.ts";
import {
  dockerMasquerades,
  duplicateRules,
  familyOf,
  type FilledPlace,
  flannelStates,
  nftTakes,
  type RewriteHit,
  ruleKey,
  rulePlaces,
  ruleSpecification,
} from "../flannel/firewall/mod.ts";
import { chainKey } from "../flannel/firewall/rule_places.ts";
import type { Action, NetfilterEdit, Plan, Refusal } from "./action.ts";
import { judged } from "./findings.ts";
import type { Fix, PlanInput } from "./fix.ts";
import { netfilterCommands } from "./netfilter_commands.ts";
import { type OverlayRules, overlayRules } from "./overlay_facts.ts";

const CODES: readonly CheckCode[] = ["FD601", "FD602"];

/** What is done with one rule of a chain. */
interface Step {
  readonly code: CheckCode;
  readonly place: FilledPlace;
  /** The rule to put in its place first; null when it only goes. */
  readonly scoped: string | null;
}

/** Whether FD601 says of a rule that it only may rewrite. */
function isGuess(hit: RewriteHit, findings: readonly Finding[]): boolean {
  return !findings.some(({ subject, variant, arguments: told }) =>
    variant !== "maybe" && subject === hit.rule.text &&
    told.backend === backendName(hit) && told.table === hit.table &&
    told.chain === hit.chain
  );
}

/** Whether the rule's own tool takes it as it shows it, to bring it back. */
function isWritable({ backend, rule }: FilledPlace): boolean {
  return backend !== "nftables" || nftTakes(rule.text);
}

/** Why a rule is left as it is; null for one to scope. */
function refusalReason(hit: RewriteHit): string | null {
  if (hit.owner !== "docker") {
    return hit.owner === "other" ? "nobodys" : "foreign";
  }
  if (hit.direction === "in") return "incoming";
  if (isOfBoth(hit)) return "families";
  if (hit.scoped !== null) return null;
  return isWritable(hit) ? "destination" : "unwritable";
}

function refusal(
  code: CheckCode,
  { rule }: FilledPlace,
  reason: string,
  told: Refusal["arguments"] = {},
): Refusal {
  const { text } = rule;
  const args = { rule: text, ...told };
  return { fix: "snat", code, subject: text, reason, arguments: args };
}

/** Rules to scope, and those that are left, with the reason. */
function sort(
  hits: readonly RewriteHit[],
  findings: readonly Finding[],
): {
  readonly ours: readonly RewriteHit[];
  readonly refusals: readonly Refusal[];
} {
  const refusals: Refusal[] = [];
  const ours: RewriteHit[] = [];
  for (const hit of hits) {
    const reason = refusalReason(hit);
    // Docker's rule scoped is right also where it only may be reached.
    if (reason === null) ours.push(hit);
    else if (!isGuess(hit, findings)) {
      refusals.push(refusal("FD601", hit, reason, { owner: hit.owner }));
    }
  }
  return { ours, refusals };
}

/**
 * Every copy of the rules that rewrite: the first becomes the scoped one,
 * unless that is in the chain already, and the others go.
 */
function scopeSteps(
  hits: readonly RewriteHit[],
  places: readonly FilledPlace[],
): Step[] {
  return hits.flatMap((hit) => {
    const key = `${chainKey(hit)} ${ruleKey(hit.rule)}`;
    const copies = places.filter((place) =>
      `${chainKey(place)} ${ruleKey(place.rule)}` === key
    );
    return copies.map((place, index): Step => ({
      code: "FD601",
      place,
      scoped: index === 0 && hit.scopedPosition === null ? hit.scoped : null,
    }));
  });
}

/** Surplus copies of Docker's and flannel's rules. */
function surplusSteps({ overlay, rulesets }: OverlayRules): Step[] {
  const docker = duplicateRules(dockerMasquerades(rulesets, overlay))
    .flatMap(({ surplus }) => surplus);
  const flannel = flannelStates(rulesets, overlay)
    .filter(({ part }) => part === "masquerade")
    .flatMap(({ surplus }) => surplus);
  return [...docker, ...flannel].map((place) => ({
    code: "FD602",
    place,
    scoped: null,
  }));
}

/** Edits of one chain, from its end, so that earlier positions keep. */
function editsOf(steps: readonly Step[]): NetfilterEdit[] {
  return [...steps].sort((a, b) => b.place.position - a.place.position)
    .flatMap(({ place, scoped }): NetfilterEdit[] => {
      const rule = ruleSpecification(place.rule.text);
      const { position } = place;
      if (scoped === null) return [{ op: "delete", rule, position }];
      return [
        { op: "insert", rule: scoped, position },
        { op: "delete", rule, position: position + 1 },
      ];
    });
}

function chainAction(steps: readonly Step[], rules: OverlayRules): Action[] {
  const [first] = steps;
  if (first === undefined) return [];
  const { backend, table, chain, family } = first.place;
  const change = {
    kind: "netfilter",
    backend,
    family: family === "ip6" ? 6 : 4,
    table,
    chain,
    edits: editsOf(steps),
  } as const;
  return [{
    fix: "snat",
    code: first.code,
    risk: "safe",
    change,
    ...netfilterCommands(change, rules.rulesets),
  }];
}

function planFamily(rules: OverlayRules, findings: readonly Finding[]): Plan {
  const { overlay, rulesets } = rules;
  // flannel's own rules in a wrong order are FD604's, left over FD605's.
  const flannels = flannelRuleSet(rulesets, overlay);
  const hits = allRewrites(rulesets, overlay)
    .filter((hit) => !flannels.has(hit.rule));
  const { ours, refusals } = sort(hits, findings);
  const scopes = scopeSteps(ours, rulePlaces(rulesets, familyOf(overlay)));
  const handled = new Set(scopes.map(({ place }) => place.rule));
  const surplus = surplusSteps(rules)
    .filter(({ place }) => !handled.has(place.rule));
  const steps = [
    ...scopes,
    ...surplus.filter(({ place }) => isWritable(place)),
  ];
  // undo could not bring it back.
  const kept = surplus.filter(({ place }) => !isWritable(place))
    .map(({ code, place }) => refusal(code, place, "unwritable"));
  const chains = Map.groupBy(steps, ({ place }) => chainKey(place));
  return {
    actions: [...chains.values()].flatMap((group) => chainAction(group, rules)),
    refusals: [...refusals, ...kept],
  };
}

function plan(input: PlanInput): Plan {
  const verdicts = CODES.map((code) => judged(input, "snat", code));
  const refused = verdicts.flatMap(({ refusal }) => refusal ?? []);
  const findings = verdicts.flatMap((verdict) => verdict.findings);
  const rules = overlayRules(input.facts);
  if (rules === null || findings.length === 0) {
    return { actions: [], refusals: refused };
  }
  const plans = rules.map((each) =>
    planFamily(each, verdicts[0]?.findings ?? [])
  );
  return {
    actions: plans.flatMap(({ actions }) => actions),
    refusals: [...refused, ...plans.flatMap(({ refusals }) => refusals)],
  };
}

/** Scopes the rules that hide containers behind their host; duplicates go. */
export const SNAT_FIX: Fix = { name: "snat", codes: CODES, plan };
