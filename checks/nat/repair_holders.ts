/**
 * What keeps a repair of Docker's masquerade rule in place: over Docker's
 * restart, which inserts its own rule again, and over a reboot, which forgets
 * all rules.
 *
 * @module
 */
import {
  coversMatch,
  dockerMasquerades,
  familyOf,
  type FilledPlace,
  findFlannelRules,
  type Overlay,
  parseIptables,
  rulePlaces,
} from "../../flannel/firewall/mod.ts";
import { matchKey } from "../../flannel/firewall/compare.ts";
import type { Ruleset } from "../../flannel/firewall/rule.ts";
import type {
  DockerFacts,
  FileFacts,
  PersistenceFacts,
  ProcessFacts,
} from "../../snapshot/facts.ts";

/** A repair in force: Docker's rule scoped, or packets spared before it. */
export interface Repair {
  readonly form: "scoped" | "spared";
  readonly place: FilledPlace;
}

/** Rules that let overlay packets go before Docker's rule is asked. */
function sparing(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): FilledPlace[] {
  const flannels = new Set(
    findFlannelRules(rulesets, overlay).map((place) => place.rule),
  );
  const packets = {
    source: { not: false, value: [overlay.subnet] },
    destination: { not: false, value: [overlay.network] },
    other: [],
  };
  return rulePlaces(rulesets, familyOf(overlay)).filter((
    { table, chain, rule },
  ) =>
    table === "nat" && chain === "POSTROUTING" && !flannels.has(rule) &&
    ["RETURN", "ACCEPT"].includes(rule.target.kind) &&
    // What spares all else as well is no repair but hides the rule (FD603).
    rule.match.destination?.not === false &&
    coversMatch(rule.match, packets)
  );
}

/** The repair that rules hold, or null where there is none. */
export function repairIn(
  rulesets: readonly Ruleset[],
  overlay: Overlay,
): Repair | null {
  const scoped = dockerMasquerades(rulesets, overlay)
    .find(({ form }) => form === "scoped");
  if (scoped !== undefined) return { form: "scoped", place: scoped };
  const spared = sparing(rulesets, overlay)[0];
  return spared === undefined ? null : { form: "spared", place: spared };
}

/** Whether a unit runs something after dockerd that scopes the rule. */
function repairsAtStart(
  unitFiles: readonly FileFacts[],
  { network }: Overlay,
): boolean {
  const commands = unitFiles.flatMap((file) => (file.text ?? "").split("\n"))
    .filter((line) => /^\s*ExecStartPost\s*=/.test(line));
  const restores = network.includes(":")
    ? /ip6tables(-nft|-legacy)?-restore/
    : /iptables(-nft|-legacy)?-restore/;
  return commands.some((line) =>
    /flandoc.*--snat/.test(line) ||
    (/tables.*! -d /.test(line) && line.includes(`! -d ${network} `)) ||
    restores.test(line)
  );
}

/** A running `flandoc run --snat`, or null. */
export function keeper(
  processes: readonly ProcessFacts[],
): ProcessFacts | null {
  return processes.find(({ name, argv }) =>
    name === "flandoc" && argv.includes("run") &&
    argv.some((word) => /^--?snat(=true)?$/.test(word))
  ) ?? null;
}

/** Whether a file of saved rules is `ip6tables`'. */
export function isSavedIpv6(path: string): boolean {
  return /ip6tables|\.v6$/.test(path);
}

/** Whether saved rules, restored at boot, hold the repair. */
function isSaved(
  persistence: PersistenceFacts,
  repair: Repair,
): boolean {
  if (persistence.services.length === 0) return false;
  const wanted = matchKey(repair.place.rule.match);
  const isV6 = repair.place.family === "ip6";
  return persistence.files.some(({ path, text }) => {
    if (text === null || isSavedIpv6(path) !== isV6) return false;
    const saved: Ruleset = {
      backend: "iptables-nft",
      tables: parseIptables(text, isV6 ? "ip6" : "ip").tables,
    };
    return rulePlaces([saved], isV6 ? 6 : 4).some(({ chain, rule }) =>
      chain === "POSTROUTING" && matchKey(rule.match) === wanted
    );
  });
}

/** Which of the two the repair outlives. */
export interface Survival {
  readonly docker: boolean;
  readonly reboot: boolean;
}

/** Tells from the host's own means what a repair outlives. */
export function survivalOf(
  repair: Repair,
  overlay: Overlay,
  facts: {
    readonly docker: DockerFacts;
    readonly processes: readonly ProcessFacts[];
    readonly persistence: PersistenceFacts;
  },
): Survival {
  const { docker, processes, persistence } = facts;
  if (repairsAtStart(docker.unitFiles, overlay)) {
    return { docker: true, reboot: true };
  }
  const agent = keeper(processes);
  // Docker asks whether its very rule is there before it inserts it: a rule
  // that spares packets stays first, a scoped one is not Docker's any more.
  const untouched = !docker.ipMasq.value || !docker.iptables.value ||
    repair.form === "spared";
  return {
    docker: untouched || agent !== null,
    reboot: (agent !== null && agent.unit !== null) ||
      (untouched && isSaved(persistence, repair)),
  };
}
