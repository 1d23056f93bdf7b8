/**
 * `flandoc fix --persist`: the repair of `--snat` outlives Docker's restart
 * and a reboot, by the host's own means.
 *
 * @module
 */
import { iptablesTool } from "../checks/nat/overlay.ts";
import type { CheckCode } from "../checks/check.ts";
import {
  dockerMasquerades,
  ruleSpecification,
  scopeRule,
} from "../flannel/firewall/mod.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import type { Action, Plan } from "./action.ts";
import { judged } from "./findings.ts";
import type { FileState, Fix, PlanInput } from "./fix.ts";
import { type OverlayRules, overlayRules } from "./overlay_facts.ts";
import { scopeSavedRules } from "./saved_rules.ts";

const CODE: CheckCode = "FD610";

/** Docker's rule as it makes it, and scoped, after the chain's name. */
export interface RulePair {
  readonly tool: string;
  readonly unscoped: string;
  readonly scoped: string;
}

/** Docker's rule of the bridge, from whichever form of it is there. */
function rulePair({ overlay, rulesets }: OverlayRules): RulePair | null {
  const [place] = dockerMasquerades(rulesets, overlay)
    .filter(({ backend }) => backend !== "nftables");
  if (place === undefined) return null;
  const text = ruleSpecification(place.rule.text);
  const tool = iptablesTool(place.backend, rulesets);
  if (place.form === "scoped") {
    return {
      tool,
      scoped: text,
      unscoped: text.replace(`! -d ${overlay.network} `, ""),
    };
  }
  const scoped = scopeRule(place.rule, place.backend, overlay.network);
  return scoped === null ? null : { tool, unscoped: text, scoped };
}

/**
 * Drop-in of the Docker unit. The commands need neither flandoc nor etcd, both
 * of which may come up later than Docker; a failure never fails Docker.
 */
export function dropInText({ tool, unscoped, scoped }: RulePair): string {
  const nat = `${tool} -w -t nat`;
  return [
    "# Written by flandoc fix --persist; flandoc undo takes it back.",
    "# Docker puts its rule back at every start: scope it again.",
    "[Service]",
    `ExecStartPost=-/bin/sh -c "${nat} -C POSTROUTING ${scoped} || ${nat} -I POSTROUTING ${scoped}"`,
    `ExecStartPost=-/bin/sh -c "while ${nat} -D POSTROUTING ${unscoped}; do :; done"`,
    "",
  ].join("\n");
}

function fileAction(
  path: string,
  before: FileState | null,
  text: string,
  survives: readonly ("docker" | "reboot")[],
): Action {
  return {
    fix: "persist",
    code: CODE,
    risk: "overrides",
    survives,
    change: {
      kind: "file",
      path,
      before,
      after: { text, mode: before?.mode ?? 0o644 },
    },
    commands: [`cat > ${path} <<'EOF'`, ...text.trimEnd().split("\n"), "EOF"],
    undoCommands: before === null ? [`rm ${path}`] : [],
  };
}

/** The drop-in, and systemd told to read it; none when it is there already. */
function dropInActions(pair: RulePair, input: PlanInput): Action[] {
  const processes = valueOf(input.facts.processes) ?? [];
  const unit = processes.find(({ name }) => name === "dockerd")?.unit ??
    "docker.service";
  const path = `/etc/systemd/system/${unit}.d/50-flandoc-snat.conf`;
  const before = input.file(path);
  const text = dropInText(pair);
  if (before?.text === text) return [];
  const reload = ["systemctl", "daemon-reload"];
  return [fileAction(path, before, text, ["docker", "reboot"]), {
    fix: "persist",
    code: CODE,
    risk: "overrides",
    change: { kind: "run", argv: reload, undo: reload },
    commands: [reload.join(" ")],
    undoCommands: [reload.join(" ")],
  }];
}

/** Saved rules that a service restores at boot, with Docker's rule scoped. */
function savedActions(pair: RulePair, input: PlanInput): Action[] {
  const persistence = valueOf(input.facts.persistence);
  if (!persistence || persistence.services.length === 0) return [];
  return persistence.files.flatMap(({ path }) => {
    const before = input.file(path);
    if (before === null) return [];
    const text = scopeSavedRules(before.text, pair);
    return text === before.text
      ? []
      : [fileAction(path, before, text, ["reboot"])];
  });
}

/** Whether the repair is in force, or is made in the same run. */
function repaired(input: PlanInput): boolean {
  const pending = judged(input, "persist", "FD601").findings.length > 0;
  if (pending) return input.together.has("snat");
  return judged(input, "persist", CODE).findings.length > 0;
}

function plan(input: PlanInput): Plan {
  const { refusal } = judged(input, "persist", CODE);
  const rules = overlayRules(input.facts);
  if (rules === null || !hasDocker(input.facts) || !repaired(input)) {
    const moot = refusal?.reason === "moot" && !input.together.has("snat");
    const shown = refusal && (moot || refusal.reason === "unjudged");
    return { actions: [], refusals: shown ? [refusal] : [] };
  }
  const pair = rulePair(rules);
  if (pair === null) return { actions: [], refusals: [] };
  const systemd = valueOf(input.facts.persistence)?.systemd ?? false;
  const actions = [
    ...systemd ? dropInActions(pair, input) : [],
    ...savedActions(pair, input),
  ];
  const held = systemd || actions.length > 0;
  return {
    actions,
    refusals: held ? [] : [{
      fix: "persist",
      code: CODE,
      subject: pair.scoped,
      reason: "noHolder",
      arguments: {},
    }],
  };
}

function hasDocker(facts: Facts): boolean {
  return valueOf(facts.docker) !== null && valueOf(facts.docker) !== undefined;
}

/** Keeps the repair of Docker's rule by a drop-in and in saved rules. */
export const PERSIST_FIX: Fix = { name: "persist", codes: [CODE], plan };
