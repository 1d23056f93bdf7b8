/**
 * `deno task demo`: the tutorial on two hosts of a practice network, told and
 * checked step by step. Exit status 0 when everything was as it says.
 *
 * @module
 */
import { labDown, labUp, onInterrupt } from "../lab/mod.ts";
import type { LabRequest } from "../lab/mod.ts";
import { showCloud, showRouteTable, showVxlan } from "./demo/cloud.ts";
import {
  showAgentHolds,
  showCheck,
  showDockerRestart,
  showLostAddress,
  showNetwork,
  showRepair,
} from "./demo/host_gw.ts";
import { Stage } from "./demo/stage.ts";
import { Teller } from "./demo/teller.ts";
import { CLOUD_LAB, TUTORIAL_LAB } from "./demo/tutorial.ts";
import { ensurePrograms } from "./setup.ts";

type Scene = (stage: Stage) => Promise<void>;

const HOST_GW: readonly Scene[] = [
  showNetwork,
  showLostAddress,
  showCheck,
  showRepair,
  showDockerRestart,
  showAgentHolds,
];

const CLOUD: readonly Scene[] = [showCloud, showRouteTable, showVxlan];

/** Plays scenes on a lab that is there for as long as they last. */
async function play(
  teller: Teller,
  request: LabRequest,
  scenes: readonly Scene[],
  signal: AbortSignal,
): Promise<void> {
  const name = request.name ?? "demo";
  // What an earlier demo left when it was killed.
  await labDown(name);
  try {
    const lab = await labUp(request, { signal });
    const stage = new Stage(lab, teller, signal);
    for (const scene of scenes) await scene(stage);
  } finally {
    await labDown(name);
  }
}

async function demo(signal: AbortSignal): Promise<void> {
  const colour = Deno.stdout.isTerminal() && !Deno.noColor;
  const teller = new Teller((line) => console.log(line), colour);
  teller.say(
    "Two hosts in network namespaces: etcd over TLS, flandoc as the flannel agent, Docker.",
  );
  await play(teller, TUTORIAL_LAB, HOST_GW, signal);
  await play(teller, CLOUD_LAB, CLOUD, signal);
}

if (import.meta.main) {
  const started = performance.now();
  if (!await ensurePrograms({ install: true })) Deno.exit(1);
  try {
    await onInterrupt(demo);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(`\nAll of it was so. ${seconds} s; nothing is left behind.`);
  } catch (error) {
    console.error(`\n${error instanceof Error ? error.message : error}`);
    Deno.exitCode = 1;
  }
}
