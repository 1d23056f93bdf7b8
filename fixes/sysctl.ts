/**
 * `flandoc fix --sysctl`: kernel parameters, now and at every boot.
 *
 * @module
 */
import type { CheckCode, Finding } from "../checks/check.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Action, Plan, Refusal } from "./action.ts";
import { judged } from "./findings.ts";
import type { Fix, PlanInput } from "./fix.ts";

const CODES: readonly CheckCode[] = ["FD701", "FD702"];

/** Sorts last in its directory, so that a distribution's value does not win. */
const SYSCTL_FILE = "/etc/sysctl.d/zz-flandoc.conf";

/** Settings that writing one key overwrites (kernel ip-sysctl.rst). */
const SETS_ALL: Readonly<Record<string, RegExp>> = {
  "net.ipv4.ip_forward": /^net\.ipv4\.conf\..+\.forwarding$/,
  "net.ipv6.conf.all.forwarding": /^net\.ipv6\.conf\..+\.forwarding$/,
};

interface WantedSetting {
  readonly code: CheckCode;
  readonly key: string;
  readonly before: string;
  readonly after: string;
}

/** The setting a finding wants, from its evidence `wanted: key = value`. */
function settingOf(
  code: CheckCode,
  finding: Finding,
  sysctls: Readonly<Record<string, string>>,
): WantedSetting[] {
  const wanted = finding.evidence.find(({ label }) => label === "wanted");
  const [key, after] = wanted?.text.split(" = ") ?? [];
  const before = sysctls[key ?? ""];
  if (key === undefined || after === undefined || before === undefined) {
    return [];
  }
  return [{ code, key, before, after }];
}

function setAction(
  setting: WantedSetting,
  sysctls: Readonly<Record<string, string>>,
): Action {
  const { code, key, before, after } = setting;
  const pattern = SETS_ALL[key];
  const along = pattern === undefined ? undefined : Object.fromEntries(
    Object.entries(sysctls).filter(([name]) =>
      pattern.test(name) && name !== key
    ),
  );
  return {
    fix: "sysctl",
    code,
    risk: key.startsWith("net.ipv6") ? "overrides" : "safe",
    change: { kind: "sysctl", key, before, after, ...(along ? { along } : {}) },
    commands: [`sysctl -w ${key}=${after}`],
    undoCommands: [`sysctl -w ${key}=${before}`],
  };
}

/** The boot-time file with the settings in place of earlier ones of ours. */
function fileAction(
  settings: readonly WantedSetting[],
  input: PlanInput,
): Action[] {
  const [first] = settings;
  if (first === undefined) return [];
  const before = input.file(SYSCTL_FILE);
  const keys = new Set(settings.map(({ key }) => key));
  const kept = (before?.text ?? "").split("\n").filter((line) =>
    line !== "" && !keys.has(line.split("=")[0]?.trim() ?? "")
  );
  const added = settings.map(({ key, after }) => `${key} = ${after}`);
  const text = [...kept, ...added].join("\n") + "\n";
  if (before?.text === text) return [];
  return [{
    fix: "sysctl",
    code: first.code,
    risk: "safe",
    change: {
      kind: "file",
      path: SYSCTL_FILE,
      before,
      after: { text, mode: before?.mode ?? 0o644 },
    },
    commands: added.map((line) => `echo '${line}' >> ${SYSCTL_FILE}`),
    undoCommands: before === null ? [`rm ${SYSCTL_FILE}`] : [],
  }];
}

function plan(input: PlanInput): Plan {
  const refusals: Refusal[] = [];
  const sysctls = valueOf(input.facts.sysctls) ?? {};
  const settings: WantedSetting[] = [];
  for (const code of CODES) {
    const { findings, refusal } = judged(input, "sysctl", code);
    if (refusal !== undefined) refusals.push(refusal);
    settings.push(...findings.flatMap((f) => settingOf(code, f, sysctls)));
  }
  return {
    actions: [
      ...settings.map((setting) => setAction(setting, sysctls)),
      ...fileAction(settings, input),
    ],
    refusals,
  };
}

/** Sets the kernel parameters the network needs, and keeps them at boot. */
export const SYSCTL_FIX: Fix = { name: "sysctl", codes: CODES, plan };
