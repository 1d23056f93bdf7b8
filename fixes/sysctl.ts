/**
 * `flandoc fix --sysctl`: kernel parameters, now and at every boot.
 *
 * @module
 */
import type { CheckCode, Finding } from "../checks/check.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Action, Plan } from "./action.ts";
import { fileCommands } from "./file_commands.ts";
import { judged } from "./findings.ts";
import type { Fix, PlanInput } from "./fix.ts";

const CODES: readonly CheckCode[] = ["FD701", "FD702"];

/** Sorts last in its directory, so that a distribution's value does not win. */
const SYSCTL_FILE = "/etc/sysctl.d/zz-flandoc.conf";

interface WantedSetting {
  readonly code: CheckCode;
  readonly key: string;
  readonly before: string;
  readonly after: string;
}

/** Settings a finding wants, from its evidence `wanted: key = value`, in order. */
function settingsOf(
  code: CheckCode,
  finding: Finding,
  sysctls: Readonly<Record<string, string>>,
): WantedSetting[] {
  return finding.evidence.filter(({ label }) => label === "wanted")
    .flatMap(({ text }) => {
      const [key, after] = text.split(" = ");
      const before = sysctls[key ?? ""];
      if (key === undefined || after === undefined || before === undefined) {
        return [];
      }
      return [{ code, key, before, after }];
    });
}

/** IPv6 forwarding makes the kernel drop routes that routers announced. */
function riskOf(key: string): Action["risk"] {
  return key.startsWith("net.ipv6") ? "overrides" : "safe";
}

function setAction({ code, key, before, after }: WantedSetting): Action {
  return {
    fix: "sysctl",
    code,
    risk: riskOf(key),
    change: { kind: "sysctl", key, before, after },
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
  const isAppended = before === null || text.startsWith(before.text);
  return [{
    fix: "sysctl",
    code: first.code,
    risk: "safe",
    survives: ["reboot"],
    change: {
      kind: "file",
      path: SYSCTL_FILE,
      before,
      after: { text, mode: before?.mode ?? 0o644 },
    },
    commands: isAppended
      ? added.map((line) => `echo '${line}' >> ${SYSCTL_FILE}`)
      : fileCommands(SYSCTL_FILE, { text, mode: 0o644 }),
    undoCommands: fileCommands(SYSCTL_FILE, before),
  }];
}

function plan(input: PlanInput): Plan {
  const sysctls = valueOf(input.facts.sysctls) ?? {};
  const verdicts = CODES.map((code) => ({
    code,
    ...judged(input, "sysctl", code),
  }));
  const settings = verdicts.flatMap(({ code, findings }) =>
    findings.flatMap((finding) => settingsOf(code, finding, sysctls))
  );
  const filed = settings.filter(({ key }) =>
    input.named || riskOf(key) === "safe"
  );
  return {
    actions: [
      ...settings.map(setAction),
      ...fileAction(filed, input),
    ],
    refusals: verdicts.flatMap(({ refusal }) => refusal ?? []),
  };
}

/** Sets the kernel parameters the network needs, and keeps them at boot. */
export const SYSCTL_FIX: Fix = { name: "sysctl", codes: CODES, plan };
