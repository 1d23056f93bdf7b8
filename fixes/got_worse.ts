/**
 * Whether a repair did harm, apart from what changes by itself meanwhile.
 *
 * @module
 */
import type { CheckCode } from "../checks/check.ts";
import { type CheckResult, severityOf } from "../checks/engine.ts";
import type { FactName } from "../snapshot/facts.ts";
import type { Change } from "./action.ts";
import type { PlanInput } from "./fix.ts";

/** Facts that each kind of change can alter; a file alters what is read of it. */
const TOUCHES: Readonly<Record<Change["kind"], readonly FactName[]>> = {
  netfilter: ["netfilter", "endpoints", "forwarding"],
  route: ["routes", "endpoints", "forwarding", "arp"],
  sysctl: ["sysctls", "endpoints", "forwarding"],
  file: ["persistence", "docker", "units"],
  run: ["units"],
};

/** Whether any finding of a check is an error. */
export function hasError({ check, findings }: CheckResult): boolean {
  return findings.some((finding) => severityOf(check, finding) === "error");
}

/**
 * Checks that were ok before and fail with an error now, of those that look at
 * something the changes can have altered: a lease that runs out meanwhile is
 * not the repair's doing. What became judgeable only now was not made worse.
 */
export function gotWorse(
  before: PlanInput["results"],
  after: PlanInput["results"],
  changes: readonly Change[],
): CheckCode[] {
  const touched = new Set(changes.flatMap(({ kind }) => TOUCHES[kind]));
  return [...after.values()].filter((result) =>
    before.get(result.check.code)?.verdict === "ok" && hasError(result) &&
    result.check.needs.some((name) => touched.has(name))
  ).map(({ check }) => check.code);
}
