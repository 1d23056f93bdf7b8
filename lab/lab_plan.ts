/**
 * Every name and address of a practice network, worked out before anything is
 * made, so that a run that was killed half-way can be cleaned up from it.
 *
 * @module
 */
import type { LabSpec } from "./lab_spec.ts";

/** A machine of the network: a flannel host or a member of etcd. */
export interface LabNode {
  readonly name: string;
  readonly kind: "host" | "etcd";
  /** Name of the network namespace, under `/run/netns`. */
  readonly netns: string;
  /** Address of `eth0`; the prefix length is 24. */
  readonly address: string;
  /** The segment's router. */
  readonly gateway: string;
  /** Port on the switch; also the name of its bridge port. */
  readonly port: string;
  /** Bridge of the switch: `segment1` or `segment2`. */
  readonly segment: number;
  /** A host's subnet such as `172.7.21.0/24`; null for etcd. */
  readonly subnet: string | null;
}

/** The plan of a whole network. */
export interface LabPlan {
  readonly spec: LabSpec;
  /** Network namespace of the switch. */
  readonly switchNetns: string;
  readonly nodes: readonly LabNode[];
  /** What flanneld would be given as `--etcd-endpoints`. */
  readonly endpoints: readonly string[];
  /** Network of the containers as the config has it, or null when it has none. */
  readonly network: string | null;
  /** Backend type, lower case. */
  readonly backend: string;
  /** Every namespace, the switch's included. */
  readonly netns: readonly string[];
}

const SEGMENTS = ["172.26.216", "172.26.217"];

/** Derives the plan. Pure. */
export function planLab(spec: LabSpec): LabPlan {
  const config = readConfig(spec.config);
  const nodes = [...etcdNodes(spec), ...hostNodes(spec, config)];
  const scheme = spec.etcd.tls ? "https" : "http";
  const switchNetns = netnsName(spec, "switch");
  return {
    spec,
    switchNetns,
    nodes,
    endpoints: nodes.filter((node) => node.kind === "etcd")
      .map((node) => `${scheme}://${node.address}:2379`),
    network: config.network,
    backend: config.backend,
    netns: [switchNetns, ...nodes.map((node) => node.netns)],
  };
}

function netnsName(spec: LabSpec, node: string): string {
  return `flandoc-${spec.name}-${node}`;
}

function etcdNodes(spec: LabSpec): LabNode[] {
  return Array.from({ length: spec.etcd.members }, (_, index) => ({
    name: `etcd-${index + 1}`,
    kind: "etcd",
    netns: netnsName(spec, `etcd-${index + 1}`),
    address: `${SEGMENTS[0]}.${index + 2}`,
    gateway: `${SEGMENTS[0]}.1`,
    port: `etcd${index + 1}`,
    segment: 1,
    subnet: null,
  }));
}

function hostNodes(spec: LabSpec, config: FlannelConfig): LabNode[] {
  return Array.from({ length: spec.hosts }, (_, index) => {
    const segment = spec.segments === 2 ? index % 2 + 1 : 1;
    const prefix = SEGMENTS[segment - 1];
    return {
      name: `node-${index + 1}`,
      kind: "host",
      netns: netnsName(spec, `node-${index + 1}`),
      address: spec.addresses[index] ?? `${prefix}.${index + 11}`,
      gateway: `${prefix}.1`,
      port: `port${index + 1}`,
      segment,
      subnet: spec.subnets[index] ?? nthSubnet(config, index),
    };
  });
}

interface FlannelConfig {
  readonly network: string | null;
  readonly length: number;
  readonly backend: string;
}

/**
 * The little of the config that the plan needs. A fault may write any text, so
 * nothing is refused here.
 */
function readConfig(text: string): FlannelConfig {
  const config = parseObject(text);
  const network = typeof config.Network === "string" ? config.Network : null;
  const backend = (config.Backend ?? {}) as { Type?: unknown };
  return {
    network,
    length: Number(config.SubnetLen ?? 24),
    backend: String(backend.Type ?? "udp").toLowerCase(),
  };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null
      ? value as Record<string, unknown>
      : {};
  } catch {
    return {};
  }
}

/**
 * Subnets count on from the twenty-first where the network has room for that:
 * 172.7.21.0/24, 172.7.22.0/24 as in the tutorial, else from the second.
 */
function nthSubnet(config: FlannelConfig, index: number): string | null {
  if (config.network === null) return null;
  const [address = "0.0.0.0", prefix = "16"] = config.network.split("/");
  const room = 2 ** (config.length - Number(prefix));
  const first = room > 100 ? 21 : 1;
  const size = 2 ** (32 - config.length);
  return `${
    toText(toNumber(address) + (first + index) * size)
  }/${config.length}`;
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256)
    .join(".");
}
