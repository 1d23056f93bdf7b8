/**
 * What a practice network shall be: the shape, its defaults, its limits.
 *
 * @module
 */

/** Which etcd API holds the records; Debian's etcd 3.4 serves both. */
export type EtcdApi = "v2" | "v3";

/** etcd of a practice network. */
export interface EtcdSpec {
  /** @default "v2" */
  readonly api: EtcdApi;
  /** Endpoints are `https://IP:2379` and ask for a client certificate. */
  readonly tls: boolean;
  /** Cluster size, 1 to 5. @default 1 */
  readonly members: number;
}

/**
 * Who keeps subnet.env, lease and routes: `flandoc` runs `flandoc run` on each
 * host; `none` leaves it to the lab, which writes once what flanneld would.
 */
export type AgentKind = "flandoc" | "none";

/**
 * What stands for containers: `docker` is a real dockerd with a container
 * `web`; `bridge` is the same network by hand, a bridge `docker0` and a network
 * namespace `web` on it; `none` leaves the bridge out.
 */
export type ContainerKind = "docker" | "bridge" | "none";

/**
 * The masquerade rule of the container bridge: `docker` is Docker's own, which
 * hides containers from other hosts; `scoped` is that rule with `! -d NETWORK`.
 * Real Docker always starts with its own.
 */
export type MasqueradeKind = "docker" | "scoped" | "none";

/** A practice network. */
export interface LabSpec {
  /** Lower case letters, digits, dashes; unique on the machine. */
  readonly name: string;
  /** How many hosts, 1 to 64; they are `node-1`, `node-2` and so on. */
  readonly hosts: number;
  /** Text of the config key, JSON as an administrator writes it. */
  readonly config: string;
  readonly etcd: EtcdSpec;
  readonly agent: AgentKind;
  /** Flags for `flandoc run` beside those every host has. */
  readonly agentFlags: readonly string[];
  /**
   * Whether the agents answer health requests on port 2401. An agent that a
   * fault stops does not, and is found unhealthy then.
   */
  readonly healthz: boolean;
  readonly containers: ContainerKind;
  readonly masquerade: MasqueradeKind;
  /**
   * The switch answers every ARP request with one MAC and carries only packets
   * between the hosts' own addresses, as a cloud's virtual network does.
   */
  readonly cloud: boolean;
  /** MTU of every `eth0`, 576 to 65000. */
  readonly mtu: number;
  /** 1, or 2: hosts take turns on two segments with a router between. */
  readonly segments: number;
  /** Addresses of the hosts in 172.26.216.0/24; the rest counts on from .11. */
  readonly addresses: readonly string[];
  /** Subnets of the hosts in order; the rest counts on in the network. */
  readonly subnets: readonly string[];
}

/** What is not said. The network is the tutorial's. */
export const DEFAULT_LAB_SPEC: LabSpec = {
  name: "lab",
  hosts: 2,
  config: '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}',
  etcd: { api: "v2", tls: false, members: 1 },
  agent: "flandoc",
  agentFlags: [],
  healthz: false,
  containers: "bridge",
  masquerade: "scoped",
  cloud: false,
  mtu: 1500,
  segments: 1,
  addresses: [],
  subnets: [],
};
