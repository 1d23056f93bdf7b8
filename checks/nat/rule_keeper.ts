/**
 * Who sees to flannel's masquerade rules on a host.
 *
 * @module
 */
import {
  type FlannelShape,
  flannelShapeOf,
  type FlannelState,
} from "../../flannel/firewall/mod.ts";
import type { NetworkConfig } from "../../flannel/network_config_types.ts";
import type {
  FileFacts,
  ProcessFacts,
  Settings,
} from "../../snapshot/facts.ts";
import type { Evidence } from "../check.ts";
import { agentProcesses, separateAgents } from "../flannel_agents.ts";

/** The agent that runs, or that ran last, as far as its masquerade goes. */
export interface RuleKeeper {
  /** Whether its start puts the rules right: it has `--ip-masq`. */
  readonly keeps: boolean;
  /** How that is known. */
  readonly evidence: Evidence;
  /** The shape of its rules; null where its version is not known. */
  readonly shape: FlannelShape | null;
}

/** Facts that tell of it. */
export interface RuleKeeperFacts {
  readonly config: NetworkConfig;
  readonly processes: readonly ProcessFacts[];
  readonly settings: Settings;
  readonly subnetEnvFile: FileFacts;
}

function shapeOf(
  agents: readonly ProcessFacts[],
  { enableNFTables }: NetworkConfig,
): FlannelShape | null {
  const [agent] = agents;
  if (agent === undefined || agents.length > 1) return null;
  if (agent.name === "flandoc") {
    return enableNFTables ? "nftables" : "own-chains";
  }
  return agent.version === null
    ? null
    : flannelShapeOf(agent.version, enableNFTables);
}

/**
 * The keeper of the rules. Where no agent runs and no setting says whether it
 * masquerades, subnet.env tells of the last one: a DaemonSet's arguments are
 * nowhere on the host.
 */
export function ruleKeeper(facts: RuleKeeperFacts): RuleKeeper {
  const { processes, settings, subnetEnvFile, config } = facts;
  const agents = agentProcesses(processes);
  const shape = shapeOf(agents, config);
  const found = (text: string): Evidence => ({ label: "found", text });
  const inside = separateAgents(processes)
    .find((process) => !agents.includes(process));
  if (agents.length === 0 && inside !== undefined) {
    const evidence = found(`${inside.name} masquerades by itself`);
    return { keeps: true, evidence, shape };
  }
  const { value, source } = settings.ipMasq;
  const last = /^FLANNEL_IPMASQ=(true|false)\b.*$/m
    .exec(subnetEnvFile.text ?? "");
  if (agents.length === 0 && source === "default" && last !== null) {
    const evidence = { label: "file", text: last[0] };
    return { keeps: last[1] === "true", evidence, shape };
  }
  const name = agents[0]?.name ?? "flanneld";
  const evidence = found(`${name} --ip-masq=${value} (${source})`);
  return { keeps: value, evidence, shape };
}

/** Which chains a shape has its rules in. */
function chainsOf(shape: FlannelShape): string {
  if (shape.startsWith("own-chains")) return "own-chains";
  return shape.endsWith("-rules") ? "POSTROUTING" : shape;
}

/**
 * Whether the keeper's start puts rules that are there right. One with rules in
 * other chains leaves them, though it masquerades itself.
 */
export function keepsRules(
  { keeps, shape }: RuleKeeper,
  state: Pick<FlannelState, "shape">,
): boolean {
  return keeps && (shape === null || state.shape === null ||
    chainsOf(shape) === chainsOf(state.shape));
}
