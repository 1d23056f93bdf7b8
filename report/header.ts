import { subnetOf } from "../flannel/subnet_env.ts";
import { valueOf } from "../snapshot/fact.ts";
import type { Facts } from "../snapshot/facts.ts";
import type { Strings } from "./strings.ts";

/**
 * The first line of a report: host, backend, subnet, store, Docker, as far as
 * each is known.
 *
 * @example `node-1 · host-gw · 172.7.21.0/24 of 172.7.0.0/16 · etcd v2, 3 endpoints · Docker 20.10`
 */
export function headerLine(facts: Facts, strings: Strings): string {
  const parts = [
    valueOf(facts.host)?.hostname,
    valueOf(facts.config)?.backendType,
    network(facts, strings),
    store(facts, strings),
    docker(facts),
  ];
  return parts.filter((part) => part !== undefined).join(" · ");
}

function network(facts: Facts, strings: Strings): string | undefined {
  const config = valueOf(facts.config);
  const lease = valueOf(facts.node)?.lease;
  // Without the records, what the agent last wrote still names the network.
  const env = valueOf(facts.subnetEnv);
  const last = config === undefined ? env : undefined;
  const whole = config?.ipv4?.network ?? config?.ipv6?.network ??
    last?.network ?? last?.ipv6Network;
  const address = last?.subnet ?? last?.ipv6Subnet;
  const own = lease?.subnet ?? lease?.ipv6Subnet ??
    (address ? subnetOf(address) : undefined);
  if (own && whole) return `${own} ${strings.of} ${whole}`;
  return own ?? whole ?? strings.noNetwork;
}

function store(facts: Facts, strings: Strings): string | undefined {
  const settings = valueOf(facts.settings);
  if (settings === undefined) return undefined;
  if (settings.store.value === "kubernetes") return "Kubernetes";
  const count = settings.etcdEndpoints.value.length;
  const noun = count === 1 ? strings.endpoint : strings.endpoints;
  return `${settings.store.value.replace("-", " ")}, ${count} ${noun}`;
}

function docker(facts: Facts): string | undefined {
  const version = valueOf(facts.docker)?.version;
  return version
    ? `Docker ${version.split(".").slice(0, 2).join(".")}`
    : undefined;
}
