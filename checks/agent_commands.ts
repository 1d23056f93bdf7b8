/**
 * Commands about the agent as they are typed on one host. Checks write them
 * for flanneld as a service; on another host the same words would start a
 * second agent beside the one that runs.
 *
 * @module
 */
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

/** kube-flannel's manifest of Kubernetes, in place of each systemd word. */
const DAEMONSET: Readonly<Record<string, string>> = {
  "systemctl restart":
    "kubectl -n kube-flannel rollout restart daemonset kube-flannel-ds",
  "systemctl start": "kubectl -n kube-flannel get pods -o wide",
  "systemctl edit": "kubectl -n kube-flannel edit daemonset kube-flannel-ds",
  "journalctl -u": "kubectl -n kube-flannel logs -l app=flannel --tail=-1",
};

/** The service that the agent of this host is; null where it is a DaemonSet. */
function agentService(facts: Facts): string | null {
  const processes = valueOf(facts.processes) ?? [];
  const agents = allAgents(processes);
  const served = agents.map(({ unit }) => unit ?? "")
    .find((unit) => AGENT_UNIT.test(unit))?.replace(/\.service$/, "");
  if (valueOf(facts.settings)?.store.value === "kubernetes") {
    const isInside = agents.some(({ name }) => name === "k3s");
    return served ?? (isInside ? "k3s" : null);
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

/** What has to be done before the agent is started again, as a comment. */
function condition(facts: Facts): string {
  if (isStoreAway(facts)) {
    return "   # once the store answers: the agent does not start without";
  }
  return wouldTakeOver(facts)
    ? "   # not before FD213 is settled: flanneld would take the subnet from its owner"
    : "";
}

/** The commands of a finding for the agent that this host has. */
export function commandsHere(
  commands: readonly string[],
  facts: Facts,
): readonly string[] {
  if (!commands.some((command) => AGENT_LINE.test(command))) return commands;
  const service = agentService(facts);
  const later = condition(facts);
  return commands.flatMap((command) => {
    const [, verb, rest] = AGENT_LINE.exec(command) ?? [];
    if (verb === undefined || rest === undefined) {
      // CNI reads subnet.env for each pod; no daemon has to take it up.
      const isIdle = command === DOCKER_LINE &&
        valueOf(facts.settings)?.store.value === "kubernetes";
      return isIdle ? [] : [command];
    }
    const line = service === null
      ? `${DAEMONSET[verb]}${/ *[|#].*/.exec(rest)?.[0] ?? ""}`
      : `${verb} ${service}${rest}`;
    const isStart = /^systemctl (?:re)?start$/.test(verb);
    return [isStart ? `${line}${later}` : line];
  });
}
