/**
 * Bringing a lab up.
 *
 * @module
 */
import {
  agentFiles,
  flandocFiles,
  startAgent,
  waitForAgents,
} from "./agent.ts";
import { startBridgeContainer } from "./bridge_containers.ts";
import { certificateFiles, makeCertificates } from "./certificates.ts";
import { dockerFiles, startDocker } from "./docker.ts";
import { labDown } from "./down.ts";
import { etcdFiles, startEtcd, writeNetworkConfig } from "./etcd.ts";
import { prefetchFlandoc } from "./flandoc_command.ts";
import type { Lab } from "./lab.ts";
import { type LabPlan, planLab } from "./lab_plan.ts";
import type { LabSpec } from "./lab_spec.ts";
import { createLabState } from "./lab_state.ts";
import { startNode } from "./node.ts";
import { parseLabSpec } from "./parse_lab_spec.ts";
import { requirePrograms } from "./programs.ts";
import { writeFiles } from "./node_files.ts";
import { createSwitch } from "./switch.ts";
import { writeByHand } from "./write_by_hand.ts";
import { settleAll } from "./settle_all.ts";

/** What {@linkcode labUp} takes: any part of a spec. */
export type LabRequest = {
  readonly [K in keyof LabSpec]?: K extends "etcd" ? Partial<LabSpec["etcd"]>
    : LabSpec[K];
};

/** How to bring a lab up. */
export interface LabUpOptions {
  /** Stops the work; what was made is taken down again. */
  readonly signal?: AbortSignal;
  /** Told before each step, in a few words, for progress. */
  readonly onStep?: (step: string) => void;
}

/**
 * Makes a practice network and waits until it works. When it cannot, or the
 * signal aborts, nothing of it is left.
 *
 * @throws {TypeError} {RangeError} for a spec that is not one.
 * @throws {Error} when a lab of that name exists, when the machine lacks
 * something, or when a part does not come up.
 */
export async function labUp(
  request: LabRequest,
  options: LabUpOptions = {},
): Promise<Lab> {
  const plan = planLab(parseLabSpec(request));
  requirePrograms(plan.spec);
  createLabState(plan);
  try {
    await build(plan, options);
    options.signal?.throwIfAborted();
  } catch (error) {
    await labDown(plan.spec.name);
    throw error;
  }
  return { name: plan.spec.name, plan };
}

async function build(plan: LabPlan, options: LabUpOptions): Promise<void> {
  const { signal, onStep = () => {} } = options;
  const hosts = plan.nodes.filter((node) => node.kind === "host");
  onStep(`${hosts.length} hosts on one switch`);
  const certificates = plan.spec.etcd.tls ? makeCertificates(plan) : undefined;
  await settleAll([
    createSwitch(plan, signal),
    Promise.resolve(certificates),
    prefetchFlandoc(signal),
  ]);
  await settleAll(plan.nodes.map((node) => startNode(plan, node, signal)));
  const common = [...certificateFiles(plan), ...flandocFiles()];
  await settleAll(plan.nodes.map((node) =>
    writeFiles(plan, node, [
      ...common,
      ...node.kind === "host"
        ? [...agentFiles(plan, node), ...dockerFiles(plan, node)]
        : etcdFiles(plan, node),
    ])
  ));
  onStep("etcd");
  await startEtcd(plan, signal);
  await writeNetworkConfig(plan, signal);
  await startFlannel(plan, options);
  if (plan.spec.containers === "none") return;
  onStep(plan.spec.containers === "docker" ? "Docker" : "containers");
  await settleAll(
    hosts.map((host) =>
      plan.spec.containers === "docker"
        ? startDocker(plan, host, signal)
        : startBridgeContainer(plan, host)
    ),
  );
}

async function startFlannel(
  plan: LabPlan,
  { signal, onStep = () => {} }: LabUpOptions,
): Promise<void> {
  const hosts = plan.nodes.filter((node) => node.kind === "host");
  if (plan.network === null) return;
  onStep(plan.spec.agent === "none" ? "leases and routes" : "agents");
  if (plan.spec.agent === "none") return await writeByHand(plan);
  await settleAll(hosts.map((host) => startAgent(plan, host)));
  await waitForAgents(plan, signal);
}
