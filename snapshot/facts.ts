/**
 * Every fact flandoc judges by. Raw facts are what a snapshot holds: records,
 * observed kernel state, probe results. Derived facts are computed from raw
 * ones by `derive.ts`, which is pure, so that a snapshot judged elsewhere or
 * later gives what it would have given on its host.
 *
 * @module
 */
import type { Fact } from "./fact.ts";
import type {
  Address,
  FdbEntry,
  Link,
  Neighbour,
  PolicyRule,
  Route,
} from "../flannel/kernel.ts";
import type { Ruleset } from "../flannel/firewall/rule.ts";
import type { Lease, LeaseRecord } from "../flannel/lease.ts";
import type {
  NetworkConfig,
  SubnetEnv,
} from "../flannel/network_config_types.ts";
import type { ExpectedState, LocalNode } from "../flannel/expected_types.ts";
import type { EndpointHealth, StoreKind } from "../stores/store.ts";

/** Identity of the machine and the moment. */
export interface HostFacts {
  readonly hostname: string;
  /** Kernel release, `uname -r`. */
  readonly kernel: string;
  /** `PRETTY_NAME` of os-release, or null. */
  readonly distribution: string | null;
  /** Effective user id. */
  readonly uid: number;
  /** Inode of the network namespace. */
  readonly netns: string;
  /** DMI vendor and product, or null. */
  readonly hardware: string | null;
  /** Cloud recognised from DMI: alibaba, aws, azure, gce, tencent, openstack, or null. */
  readonly cloud: string | null;
  /** Time of collection, RFC 3339, UTC. */
  readonly taken: string;
  /** Time of boot, RFC 3339, UTC. */
  readonly booted: string | null;
}

/** A setting with where it came from, for `check -v`. */
export interface Setting<T> {
  readonly value: T;
  /** `flag --iface`, `environment FLANNELD_IFACE`, `flanneld (pid 812)`, `unit flanneld.service`, `default`. */
  readonly source: string;
}

/** flanneld's settings as they hold for this host. Never holds the password. */
export interface Settings {
  readonly store: Setting<StoreKind>;
  readonly etcdEndpoints: Setting<readonly string[]>;
  readonly etcdPrefix: Setting<string>;
  readonly etcdCafile: Setting<string>;
  readonly etcdCertfile: Setting<string>;
  readonly etcdKeyfile: Setting<string>;
  readonly etcdUsername: Setting<string>;
  readonly iface: Setting<readonly string[]>;
  readonly ifaceRegex: Setting<readonly string[]>;
  readonly ifaceCanReach: Setting<string>;
  readonly publicIP: Setting<string>;
  readonly publicIPv6: Setting<string>;
  readonly subnetFile: Setting<string>;
  readonly kubeSubnetMgr: Setting<boolean>;
  readonly kubeApiUrl: Setting<string>;
  readonly kubeconfigFile: Setting<string>;
  readonly kubeAnnotationPrefix: Setting<string>;
  readonly netConfigPath: Setting<string>;
  readonly ipMasq: Setting<boolean>;
  readonly iptablesForwardRules: Setting<boolean>;
  readonly iptablesResync: Setting<number>;
  readonly subnetLeaseRenewMargin: Setting<number>;
  readonly healthzIP: Setting<string>;
  readonly healthzPort: Setting<number>;
}

/** Facts of one certificate or key file, or of a certificate a server shows. */
export interface CertificateFacts {
  readonly role: "ca" | "client" | "key" | "server";
  /** File path, or endpoint URL for role server. */
  readonly source: string;
  /** Why it could not be read or parsed; null when it could. */
  readonly error: string | null;
  readonly subject: string | null;
  readonly issuer: string | null;
  /** `DNS:name` and `IP:address`. */
  readonly sans: readonly string[];
  /** RFC 3339, UTC. */
  readonly notBefore: string | null;
  readonly notAfter: string | null;
  /** File permission bits such as 0o600, or null. */
  readonly mode: number | null;
  /** Whether the certificate chains to the configured CA file; null if not judged. */
  readonly trusted: boolean | null;
}

/** Network config as found in the store. */
export interface ConfigRecord {
  /** Key, file path, or `ConfigMap NAMESPACE/NAME`. */
  readonly key: string;
  /** Where it was read in Kubernetes, the file being in pods only. */
  readonly configMap?: { readonly namespace: string; readonly name: string };
  /** Text, or null when there is no such key. */
  readonly text: string | null;
  /** The same key through the other etcd API; unknown where it cannot be asked. */
  readonly otherApi: Fact<string | null>;
  /** Other prefixes that hold a config, with its text. */
  readonly nearby: readonly { readonly key: string; readonly text: string }[];
}

/** A file as read. */
export interface FileFacts {
  readonly path: string;
  /** Null when there is no such file. */
  readonly text: string | null;
  /** RFC 3339, UTC; null when there is no such file. */
  readonly modified: string | null;
  readonly mode: number | null;
  /** What is there instead of a file, such as `Is a directory`; text is null. */
  readonly obstacle?: string;
}

/** A process of this network namespace that matters. */
export interface ProcessFacts {
  readonly pid: number;
  /** flanneld, flandoc, dockerd, kube-proxy, k3s, firewalld, NetworkManager, … */
  readonly name: string;
  /** Command line; values of secret flags replaced by `***`. */
  readonly argv: readonly string[];
  /** FLANNELD_*, FLANDOC_*, DOCKER_* variables; secrets replaced by `***`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Start time, RFC 3339, UTC. */
  readonly started: string;
  /** systemd unit from the cgroup, or null. */
  readonly unit: string | null;
  /** Version the executable says it is, where it can be known without running it. */
  readonly version: string | null;
  readonly cwd: string | null;
}

/** A Docker network of driver bridge. */
export interface DockerNetwork {
  readonly name: string;
  readonly bridge: string;
  readonly subnets: readonly string[];
  readonly gateway: string | null;
  readonly ipMasquerade: boolean;
  readonly mtu: number | null;
}

/** Docker as it runs here. */
export interface DockerFacts {
  /** Null when the daemon does not answer. */
  readonly version: string | null;
  readonly socket: string | null;
  readonly pid: number | null;
  /** Effective options, each with its source: daemon (asked), argv, daemon.json. */
  readonly bip: Setting<string | null>;
  readonly mtu: Setting<number | null>;
  readonly ipMasq: Setting<boolean>;
  readonly iptables: Setting<boolean>;
  readonly ipForward: Setting<boolean>;
  readonly liveRestore: Setting<boolean>;
  readonly bridge: Setting<string>;
  readonly networks: readonly DockerNetwork[];
  /** Addresses of running containers on bridge networks. */
  readonly containers: readonly {
    readonly name: string;
    readonly network: string;
    readonly address: string;
  }[];
  readonly daemonJson: FileFacts | null;
  /** Unit file and drop-ins that start dockerd, in systemd's order. */
  readonly unitFiles: readonly FileFacts[];
}

/** A systemd unit that matters: flanneld, flandoc, docker. */
export interface UnitFacts {
  readonly name: string;
  readonly files: readonly FileFacts[];
  /** `Restart=` in force, or null. */
  readonly restart: string | null;
  readonly active: string | null;
}

/** The host's own means to keep netfilter rules over a reboot. */
export interface PersistenceFacts {
  /** Saved rule files that exist: /etc/sysconfig/iptables, /etc/iptables/rules.v4, … */
  readonly files: readonly FileFacts[];
  /** iptables-services or netfilter-persistent enabled at boot, by unit name. */
  readonly services: readonly string[];
  /** Whether systemd runs this host. */
  readonly systemd: boolean;
}

/** One address that an ARP sweep asked for. */
export interface ArpAnswer {
  readonly address: string;
  /** Every distinct MAC that answered, in order. */
  readonly macs: readonly string[];
  /** Answers received for each request sent; more than 1 is a duplicate. */
  readonly replies: number;
}

/** An ARP sweep over the external interface. */
export interface ArpFacts {
  readonly device: string;
  readonly sourceMac: string;
  readonly answers: readonly ArpAnswer[];
  /** Default gateway on that device, or null. It is among the answers. */
  readonly gateway: string | null;
  readonly elapsedMs: number;
}

/** One peer of the forwarding probe. */
export interface ForwardingAnswer {
  readonly subnet: string;
  readonly publicIP: string;
  /** Answer of the peer's public IP to an echo from the host's own address. */
  readonly hostReached: boolean;
  /** Answer of the peer's bridge address to an echo from our bridge address. */
  readonly bridgeReached: boolean;
}

/** Echo requests from the own bridge address to the peers' bridge addresses. */
export interface ForwardingFacts {
  readonly source: string;
  readonly answers: readonly ForwardingAnswer[];
  readonly elapsedMs: number;
  /** Peers not asked, to spare the neighbour table; absent when all were. */
  readonly unasked?: number;
}

/** The agent's health endpoint. */
export interface HealthFacts {
  readonly url: string;
  /** HTTP status, or null when there was no answer. */
  readonly status: number | null;
  readonly body: string | null;
  readonly error: string | null;
}

/** Raw facts: what a snapshot document holds. */
export interface RawFactTypes {
  host: HostFacts;
  settings: Settings;
  endpoints: readonly EndpointHealth[];
  certificates: readonly CertificateFacts[];
  configRecord: ConfigRecord;
  leaseRecords: readonly LeaseRecord[];
  links: readonly Link[];
  addresses: readonly Address[];
  routes: readonly Route[];
  rules: readonly PolicyRule[];
  neighbours: readonly Neighbour[];
  fdb: readonly FdbEntry[];
  /** Every backend present, IPv4; a backend that could not be read makes this unknown. */
  netfilter: readonly Ruleset[];
  /** By dotted name, such as `net.ipv4.ip_forward`; absent when the kernel has none. */
  sysctls: Readonly<Record<string, string>>;
  subnetEnvFile: FileFacts;
  processes: readonly ProcessFacts[];
  /** Null when there is no Docker on this host. */
  docker: DockerFacts | null;
  units: readonly UnitFacts[];
  persistence: PersistenceFacts;
  arp: ArpFacts;
  forwarding: ForwardingFacts;
  /** Null when the agent serves no health port. */
  health: HealthFacts | null;
}

/** Facts computed from raw facts. */
export interface DerivedFactTypes {
  config: NetworkConfig;
  /** Leases that parse; those that do not are FD206's, from leaseRecords. */
  leases: readonly Lease[];
  /** This host's external interface, addresses and own lease. */
  node: LocalNode;
  subnetEnv: SubnetEnv;
  expected: ExpectedState;
}

/** All facts by name. */
export interface FactTypes extends RawFactTypes, DerivedFactTypes {}

/** Name of a fact. */
export type FactName = keyof FactTypes;

/** All facts, each known or not. */
export type Facts = { readonly [K in FactName]: Fact<FactTypes[K]> };

/** Raw facts, each known or not. */
export type RawFacts = {
  readonly [K in keyof RawFactTypes]: Fact<RawFactTypes[K]>;
};

/** Known values of the named facts: what a check is given. */
export type Known<N extends FactName> = { readonly [K in N]: FactTypes[K] };

/** The snapshot document, `flandoc snapshot`. */
export interface Snapshot {
  readonly schema: "flandoc.snapshot/v1";
  readonly version: string;
  readonly facts: RawFacts;
}
