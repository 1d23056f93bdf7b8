/**
 * `flandoc fix --persist`: the repair of `--snat` outlives Docker's restart
 * and a reboot, by the host's own means.
 *
 * @module
 */
import { placeTool } from "../checks/nat/overlay.ts";
import { isSavedIpv6 } from "../checks/nat/repair_holders.ts";
import type { CheckCode } from "../checks/check.ts";
import {
  type DockerMasquerade,
  dockerMasquerades,
  ruleSpecification,
  scopeRule,
} from "../flannel/firewall/mod.ts";
import { valueOf } from "../snapshot/fact.ts";
import type {
  DockerFacts,
  PersistenceFacts,
  ProcessFacts,
} from "../snapshot/facts.ts";
import type { Action, Plan } from "./action.ts";
import { DROP_IN_NAME, dropInText, isPlain, type RulePair } from "./drop_in.ts";
import { fileCommands } from "./file_commands.ts";
import { judged } from "./findings.ts";
import type { FileState, Fix, PlanInput } from "./fix.ts";
import { type OverlayRules, overlayRules } from "./overlay_facts.ts";
import { scopeSavedRules } from "./saved_rules.ts";

const CODE: CheckCode = "FD610";

type Survives = NonNullable<Action["survives"]>;

/** Both forms of one of Docker's rules, from the one that is there. */
function rulePair(
  place: DockerMasquerade,
  { overlay, rulesets }: OverlayRules,
): RulePair[] {
  const text = ruleSpecification(place.rule.text);
  const tool = placeTool(place, rulesets);
  if (place.form === "scoped") {
    const unscoped = text.replace(`! -d ${overlay.network} `, "");
    return unscoped === text ? [] : [{ tool, scoped: text, unscoped }];
  }
  const scoped = scopeRule(place.rule, place.backend, overlay.network);
  return scoped === null ? [] : [{ tool, unscoped: text, scoped }];
}

/** Docker's rules of the bridge in each iptables backend that has one. */
function rulePairs(families: readonly OverlayRules[]): RulePair[] {
  const pairs = families.flatMap((rules) =>
    dockerMasquerades(rules.rulesets, rules.overlay)
      .filter(({ backend }) => backend !== "nftables")
      .flatMap((place) => rulePair(place, rules))
  );
  return [
    ...new Map(pairs.map((pair) => [`${pair.tool} ${pair.scoped}`, pair]))
      .values(),
  ];
}

function fileAction(
  path: string,
  before: FileState | null,
  text: string,
  survives: Survives,
): Action {
  const after = { text, mode: before?.mode ?? 0o644 };
  const directory = path.slice(0, path.lastIndexOf("/"));
  return {
    fix: "persist",
    code: CODE,
    risk: "overrides",
    survives,
    change: { kind: "file", path, before, after },
    commands: [
      ...before === null ? [`mkdir -p ${directory}`] : [],
      ...fileCommands(path, after),
    ],
    undoCommands: fileCommands(path, before),
  };
}

/** systemd reads its files again after each change, also when it is undone. */
function reloadAction(undo: boolean): Action {
  const reload = ["systemctl", "daemon-reload"];
  return {
    fix: "persist",
    code: CODE,
    risk: "overrides",
    change: {
      kind: "run",
      argv: undo ? [] : reload,
      undo: undo ? reload : null,
    },
    commands: undo ? [] : [reload.join(" ")],
    undoCommands: undo ? [reload.join(" ")] : [],
  };
}

/**
 * The unit that starts dockerd; null where it was started by hand, in whatever
 * unit the terminal is of.
 */
function dockerUnit(
  docker: DockerFacts,
  processes: readonly ProcessFacts[],
): string | null {
  const unit = processes.find(({ name }) => name === "dockerd")?.unit ?? null;
  const isStarting = docker.unitFiles.some(({ text }) =>
    /^\s*ExecStart\s*=.*dockerd/m.test(text ?? "")
  );
  return isStarting && unit?.endsWith(".service") ? unit : null;
}

/** The drop-in, and systemd told to read it; none when it is there already. */
function dropInActions(
  unit: string,
  pairs: readonly RulePair[],
  input: PlanInput,
): Action[] {
  const path = `/etc/systemd/system/${unit}.d/${DROP_IN_NAME}`;
  const before = input.file(path);
  const text = dropInText(pairs);
  if (before?.text === text) return [];
  return [
    reloadAction(true),
    fileAction(path, before, text, ["docker", "reboot"]),
    reloadAction(false),
  ];
}

/** Files that services restore rules from at boot, of iptables-save's form. */
const RESTORED: Readonly<Record<string, readonly string[]>> = {
  "iptables.service": [
    "/etc/sysconfig/iptables",
    "/etc/iptables/iptables.rules",
  ],
  "ip6tables.service": [
    "/etc/sysconfig/ip6tables",
    "/etc/iptables/ip6tables.rules",
  ],
  "netfilter-persistent.service": [
    "/etc/iptables/rules.v4",
    "/etc/iptables/rules.v6",
  ],
  "iptables-restore.service": ["/etc/iptables/iptables.rules"],
  "ip6tables-restore.service": ["/etc/iptables/ip6tables.rules"],
};

/** Saved rules that a service restores at boot, with Docker's rule scoped. */
function savedActions(
  pairs: readonly RulePair[],
  persistence: PersistenceFacts,
  survives: Survives,
  input: PlanInput,
): Action[] {
  const restored = persistence.services.flatMap((name) => RESTORED[name] ?? []);
  return persistence.files.flatMap(({ path }) => {
    const before = restored.includes(path) ? input.file(path) : null;
    const pair = pairs.find(({ tool }) =>
      tool.startsWith("ip6") === isSavedIpv6(path)
    );
    if (before === null || pair === undefined) return [];
    const text = scopeSavedRules(before.text, pair);
    return text === before.text
      ? []
      : [fileAction(path, before, text, survives)];
  });
}

/** Whether the repair is in force, or is made in the same run. */
function isRepaired(input: PlanInput): boolean {
  const pending = judged(input, "persist", "FD601").findings.length > 0;
  if (pending) return input.together.has("snat");
  return judged(input, "persist", CODE).findings.length > 0;
}

function refuse(reason: string, subject: string): Plan {
  return {
    actions: [],
    refusals: [{ fix: "persist", code: CODE, subject, reason, arguments: {} }],
  };
}

function plan(input: PlanInput): Plan {
  const { facts } = input;
  const { refusal } = judged(input, "persist", CODE);
  const rules = overlayRules(facts);
  const docker = valueOf(facts.docker);
  const persistence = valueOf(facts.persistence);
  const isKnown = rules !== null && docker && persistence;
  if (!isKnown || !isRepaired(input)) {
    // Moot only after what --snat repairs in the same run.
    const isPending = refusal?.reason === "moot" &&
      refusal.arguments.detail === "FD601" && input.together.has("snat");
    return { actions: [], refusals: refusal && !isPending ? [refusal] : [] };
  }
  const pairs = rulePairs(rules);
  const subject = pairs[0]?.scoped ?? CODE;
  if (pairs.length === 0) return refuse("nativeHolder", subject);
  if (!persistence.systemd) return refuse("noHolder", subject);
  const unit = dockerUnit(docker, valueOf(facts.processes) ?? []);
  // Where Docker makes no rule of its own, saved rules are all there is to it.
  const isDockers = docker.ipMasq.value && docker.iptables.value;
  const saved = savedActions(
    pairs,
    persistence,
    isDockers ? [] : ["docker", "reboot"],
    input,
  );
  if (!isDockers && saved.length > 0) return { actions: saved, refusals: [] };
  if (unit === null) return refuse("noUnit", subject);
  if (!pairs.every(isPlain)) return refuse("nativeHolder", subject);
  return {
    actions: [...dropInActions(unit, pairs, input), ...saved],
    refusals: [],
  };
}

/** Keeps the repair of Docker's rule by a drop-in and in saved rules. */
export const PERSIST_FIX: Fix = {
  name: "persist",
  codes: [CODE],
  onlyNamed: true,
  plan,
};
