/**
 * Commands about the agent as they are typed on one host. Checks write them
 * for flanneld as a service; on another host the same words would start a
 * second agent beside the one that runs.
 *
 * @module
 */
import { allocate, isCompatible, subnetPair } from "../flannel/allocation.ts";
import { canonicalCidr } from "../flannel/cidr.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import { agentProcesses, allAgents } from "./flannel_agents.ts";

/** What is done with flanneld's unit, and the rest of the line. */
const AGENT_LINE =
  /^(systemctl restart|systemctl start|systemctl edit|journalctl -u) flanneld(?![\w.-])(.*)$/;

/** Units that are an agent's own; a supervisor's or cron's is not. */
const AGENT_UNIT = /^(?:.*flannel.*|flandoc|k3s.*)\.service$/;

const DOCKER_LINE = "systemctl restart docker";

/** A line about kube-flannel's DaemonSet, as checks write it. */
const DAEMONSET_LINE = /^kubectl -n kube-flannel .*daemonset kube-flannel-ds\b/;

/** A manifest of Kubernetes in place of each systemd word. */
interface Manifest {
  readonly daemonset: string;
  readonly label: string;
}

const KUBE_FLANNEL: Manifest = {
  daemonset: "kube-flannel-ds",
  label: "app=flannel",
};

/** docs/kubernetes/flandoc.yml, in the same namespace. */
const FLANDOC: Manifest = { daemonset: "flandoc", label: "app=flandoc" };

function kubectlLine(verb: string, { daemonset, label }: Manifest): string {
  const line: Readonly<Record<string, string>> = {
    "systemctl restart": `rollout restart daemonset ${daemonset}`,
    "systemctl start": "get pods -o wide",
    "systemctl edit": `edit daemonset ${daemonset}`,
    "journalctl -u": `logs -l ${label} --tail=-1`,
  };
  return `kubectl -n kube-flannel ${line[verb]}`;
}

/** Whose pod the agent is: flandoc's where it alone runs. */
function manifest(facts: Facts): Manifest {
  const names = agentProcesses(valueOf(facts.processes) ?? [])
    .map(({ name }) => name);
  return names.length > 0 && names.every((name) => name === "flandoc")
    ? FLANDOC
    : KUBE_FLANNEL;
}

/** The service that the agent of this host is; null where it is a DaemonSet. */
function agentService(facts: Facts): string | null {
  const processes = valueOf(facts.processes) ?? [];
  const agents = allAgents(processes);
  const served = agents.map(({ unit }) => unit ?? "")
    .find((unit) => AGENT_UNIT.test(unit))?.replace(/\.service$/, "");
  const settings = valueOf(facts.settings);
  if (settings?.store.value === "kubernetes") {
    const isInside = agents.some(({ name }) => name === "k3s");
    // Of an agent that does not run, what its unit says of the store.
    const [, stopped] = /^unit (\S+)\.service$/
      .exec(settings.kubeSubnetMgr.source) ?? [];
    return served ?? (isInside ? "k3s" : stopped ?? null);
  }
  const names = new Set(agentProcesses(processes).map(({ name }) => name));
  // Of two kinds nobody knows which is meant to stay (FD804).
  if (names.size > 1) return "flanneld";
  if (served !== undefined) return served;
  if (names.size === 1) return [...names][0]!;
  const units = (valueOf(facts.units) ?? []).map(({ name }) => name);
  return units.includes("flandoc.service") &&
      !units.includes("flanneld.service")
    ? "flandoc"
    : "flanneld";
}

/** Whether etcd answers at no endpoint: an agent that is restarted waits. */
function isStoreAway(facts: Facts): boolean {
  const endpoints = valueOf(facts.endpoints) ?? [];
  return endpoints.length > 0 && endpoints.every(({ reachable }) => !reachable);
}

/**
 * Whether subnet.env names a subnet that is leased to another host: flannel
 * v0.8 to v0.17 takes it from its owner when it starts.
 */
function wouldTakeOver(facts: Facts): boolean {
  const node = valueOf(facts.node);
  const subnet = canonicalCidr(valueOf(facts.subnetEnv)?.subnet ?? "");
  if (valueOf(facts.settings)?.store.value !== "etcd-v2") return false;
  return node !== undefined && subnet !== null && node.lease === null &&
    (valueOf(facts.leases) ?? []).some((lease) => lease.subnet === subnet);
}

/**
 * Whether an agent that is started finds no subnet: this host has no lease, or
 * one that does not fit the config and is deleted first, and no other is free.
 */
function isWithoutSubnet(facts: Facts): boolean {
  const node = valueOf(facts.node);
  const config = valueOf(facts.config);
  const leases = valueOf(facts.leases);
  const store = valueOf(facts.settings)?.store.value;
  if (!node || !config || !leases || store === "kubernetes") return false;
  if (node.lease !== null && isCompatible(node.lease, config)) return false;
  const env = valueOf(facts.subnetEnv);
  const previous = env ? subnetPair(env.subnet, env.ipv6Subnet) : null;
  const choice = allocate({
    config,
    leases,
    identity: node,
    previous,
    random: () => 0,
  });
  return choice.kind === "exhausted";
}

/** What has to be done before the agent is started again, as a comment. */
function condition(facts: Facts): string {
  if (isStoreAway(facts)) {
    return "   # once the store answers: the agent does not start without";
  }
  if (wouldTakeOver(facts)) {
    return "   # not before FD213 is settled: flanneld would take the subnet from its owner";
  }
  if (!isWithoutSubnet(facts)) return "";
  return valueOf(facts.node)?.lease === null
    ? "   # once a subnet is free (FD108): the agent does not start without"
    : "   # not before a subnet is free (FD207): the agent gives up its lease, then ends";
}

/** The commands of a finding for the agent that this host has. */
export function commandsHere(
  commands: readonly string[],
  facts: Facts,
): readonly string[] {
  const isAgents = (command: string) =>
    AGENT_LINE.test(command) || DAEMONSET_LINE.test(command);
  if (!commands.some(isAgents)) return commands;
  const service = agentService(facts);
  const later = condition(facts);
  return commands.flatMap((command) => {
    const [, verb, rest] = AGENT_LINE.exec(command) ?? [];
    if (verb === undefined || rest === undefined) {
      // CNI reads subnet.env for each pod; no daemon has to take it up.
      const isIdle = command === DOCKER_LINE &&
        valueOf(facts.settings)?.store.value === "kubernetes";
      if (isIdle) return [];
      return DAEMONSET_LINE.test(command)
        ? [command.replace(KUBE_FLANNEL.daemonset, manifest(facts).daemonset)]
        : [command];
    }
    const line = service === null
      ? `${kubectlLine(verb, manifest(facts))}${
        / *[|#].*/.exec(rest)?.[0] ?? ""
      }`
      : `${verb} ${service}${rest}`;
    const isStart = /^systemctl (?:re)?start$/.test(verb);
    return [isStart ? `${line}${later}` : line];
  });
}
