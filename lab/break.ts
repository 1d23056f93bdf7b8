/**
 * Breaking a lab, and bringing it back.
 *
 * @module
 */
import type { Fault, FaultStep } from "./fault.ts";
import { requireFaultLab } from "./fault_lab.ts";
import { faultValues, fillIn } from "./fault_values.ts";
import { firstMember, waitForEtcd } from "./etcd.ts";
import type { Lab } from "./lab.ts";
import type { LabNode, LabPlan } from "./lab_plan.ts";
import { findNode, mustRunOn } from "./node_command.ts";
import { mustRun } from "./run.ts";
import { switchCommand } from "./switch.ts";
import { settleAll } from "./settle_all.ts";

/** Commands carried out, as a person would type them: `node-1# ip route …`. */
export type Typed = readonly string[];

/**
 * Breaks a lab as the fault says; its agents stand still from then on unless
 * the fault wants them to go on.
 *
 * @param victim The host that is broken. @default "node-1"
 * @returns The commands, as a person would type them on each node.
 * @throws {RangeError} when it is not the lab that the fault needs.
 * @throws {Error} when a command of the fault fails.
 */
export async function labBreak(
  lab: Lab,
  fault: Fault,
  victim = "node-1",
): Promise<Typed> {
  requireFaultLab(fault, lab.plan.spec);
  if (fault.freeze) await signalAgents(lab.plan, "STOP");
  return await carryOut(lab.plan, fault.break, findNode(lab.plan, victim));
}

/**
 * Takes a fault back by its `restore` commands; agents go on once etcd serves.
 *
 * @throws {Error} when a command fails.
 */
export async function labRestore(
  lab: Lab,
  fault: Fault,
  victim = "node-1",
): Promise<Typed> {
  const host = findNode(lab.plan, victim);
  const typed = await carryOut(lab.plan, fault.restore, host);
  await waitForEtcd(lab.plan);
  if (fault.freeze) await signalAgents(lab.plan, "CONT");
  return typed;
}

/** Stops the agents of all hosts where they are, or lets them go on. */
export async function signalAgents(
  plan: LabPlan,
  signal: "STOP" | "CONT",
): Promise<void> {
  if (plan.spec.agent === "none") return;
  const hosts = plan.nodes.filter((node) => node.kind === "host");
  await settleAll(hosts.map((host) =>
    mustRunOn(plan, host, [
      "sh",
      "-c",
      `[ ! -e /run/flanneld.pid ] || kill -${signal} $(cat /run/flanneld.pid)`,
    ])
  ));
}

async function carryOut(
  plan: LabPlan,
  steps: readonly FaultStep[],
  victim: LabNode,
): Promise<string[]> {
  const typed: string[] = [];
  for (const step of steps) {
    for (const place of placesOf(plan, step.on, victim)) {
      const values = faultValues(plan, place.kind === "host" ? place : victim);
      const argv = step.run.map((word) => fillIn(word, values));
      if (step.on === "switch") {
        await mustRun([...switchCommand(plan), ...argv]);
      } else await mustRunOn(plan, place, argv);
      const where = step.on === "switch" ? "switch" : place.name;
      typed.push(`${where}# ${argv.map(quote).join(" ")}`);
    }
  }
  return typed;
}

function placesOf(plan: LabPlan, on: string, victim: LabNode): LabNode[] {
  const hosts = plan.nodes.filter((node) => node.kind === "host");
  if (on === "hosts") return hosts;
  if (on === "victim" || on === "switch") return [victim];
  if (on === "etcd") return [firstMember(plan)];
  if (on === "peer") return hosts.filter((host) => host !== victim).slice(0, 1);
  return [findNode(plan, on)];
}

/** As a shell would need it. */
function quote(word: string): string {
  return /^[\w@%+=:,./!-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
}
