/**
 * `flandoc fix --snat`: Docker's masquerade rule scoped, so that containers
 * keep their address on the way to other hosts' containers.
 *
 * @module
 */
import { deleteCommand, iptablesTool } from "../checks/nat/overlay.ts";
import { allRewrites, flannelRuleSet } from "../checks/nat/rewrites.ts";
import type { CheckCode } from "../checks/check.ts";
import {
  dockerMasquerades,
  duplicateRules,
  type FilledPlace,
  flannelStates,
  type RewriteHit,
  ruleKey,
  rulePlaces,
  ruleSpecification,
} from "../flannel/firewall/mod.ts";
import { chainKey } from "../flannel/firewall/rule_places.ts";
import type { Action, NetfilterEdit, Plan, Refusal } from "./action.ts";
import { judged } from "./findings.ts";
import type { Fix, PlanInput } from "./fix.ts";
import { type OverlayRules, overlayRules } from "./overlay_facts.ts";

const CODES: readonly CheckCode[] = ["FD601", "FD602"];

/** What is done with one rule of a chain. */
interface Step {
  readonly code: CheckCode;
  readonly place: FilledPlace;
  /** The rule to put in its place first; null when it only goes. */
  readonly scoped: string | null;
}

/** Hits that may be rewritten, and those that are left, with the reason. */
function sort(hits: readonly RewriteHit[]): {
  readonly ours: readonly RewriteHit[];
  readonly refusals: readonly Refusal[];
} {
  const refusals: Refusal[] = [];
  const ours: RewriteHit[] = [];
  for (const hit of hits) {
    const reason = refusalReason(hit);
    if (reason === null) ours.push(hit);
    else {refusals.push({
        fix: "snat",
        code: "FD601",
        subject: hit.rule.text,
        reason,
        arguments: { rule: hit.rule.text, owner: hit.owner },
      });}
  }
  return { ours, refusals };
}

function refusalReason(hit: RewriteHit): string | null {
  if (hit.owner !== "docker") return "foreign";
  if (hit.direction === "in") return "incoming";
  return hit.scoped === null ? "destination" : null;
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
  const edits = editsOf(steps);
  const tool = iptablesTool(backend, rules.rulesets);
  const native = backend === "nftables";
  const typed = (edit: NetfilterEdit) =>
    `${tool} -t ${table} ${edit.op === "insert" ? "-I" : "-D"} ${chain} ` +
    (edit.op === "insert" ? `${edit.position} ${edit.rule}` : edit.rule);
  return [{
    fix: "snat",
    code: first.code,
    risk: "safe",
    change: {
      kind: "netfilter",
      backend,
      family: family === "ip6" ? 6 : 4,
      table,
      chain,
      edits,
    },
    commands: native ? nftCommands(steps, rules) : edits.map(typed),
    undoCommands: native
      ? []
      : [...edits].reverse().map((edit) =>
        typed({ ...edit, op: edit.op === "insert" ? "delete" : "insert" })
      ),
  }];
}

function nftCommands(steps: readonly Step[], rules: OverlayRules): string[] {
  return steps.flatMap(({ place, scoped }) => {
    const { family, table, chain, rule } = place;
    const remove = deleteCommand(place, rules.rulesets) ?? "";
    return scoped === null ? [remove] : [
      `nft replace rule ${family} ${table} ${chain} handle ${rule.handle} ${scoped}`,
    ];
  });
}

function plan(input: PlanInput): Plan {
  const refused = CODES.flatMap((code) =>
    judged(input, "snat", code).refusal ?? []
  );
  const found = CODES.some((code) =>
    judged(input, "snat", code).findings.length > 0
  );
  const rules = overlayRules(input.facts);
  if (rules === null || !found) return { actions: [], refusals: refused };
  const { overlay, rulesets } = rules;
  const flannels = flannelRuleSet(rulesets, overlay);
  const hits = allRewrites(rulesets, overlay)
    .filter((hit) => !flannels.has(hit.rule) && hit.part !== "maybe");
  const { ours, refusals } = sort(hits);
  const scopes = scopeSteps(ours, rulePlaces(rulesets, 4));
  const handled = new Set(scopes.map(({ place }) => place.rule));
  const steps = [
    ...scopes,
    ...surplusSteps(rules).filter(({ place }) => !handled.has(place.rule)),
  ];
  const chains = Map.groupBy(steps, ({ place }) => chainKey(place));
  return {
    actions: [...chains.values()].flatMap((group) => chainAction(group, rules)),
    refusals: [...refused, ...refusals],
  };
}

/** Scopes the rules that hide containers behind their host; duplicates go. */
export const SNAT_FIX: Fix = { name: "snat", codes: CODES, plan };
