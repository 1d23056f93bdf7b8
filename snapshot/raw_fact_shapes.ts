/**
 * Shapes of all raw facts. The compiler holds each against its type.
 *
 * @module
 */
import type {
  Address,
  FdbEntry,
  Link,
  Neighbour,
  Nexthop,
  PolicyRule,
  Route,
  VxlanDetails,
} from "../flannel/kernel.ts";
import type {
  Chain,
  Match,
  Negatable,
  Rule,
  Ruleset,
  Table,
  Target,
  UnreadTables,
} from "../flannel/firewall/rule.ts";
import { tryParseCidr } from "../flannel/cidr.ts";
import type { LeaseRecord } from "../flannel/lease.ts";
import type { EndpointHealth } from "../stores/store.ts";
import type { Fact } from "./fact.ts";
import type {
  ArpAnswer,
  ArpFacts,
  CertificateFacts,
  ConfigRecord,
  DockerFacts,
  DockerNetwork,
  FileFacts,
  ForwardingAnswer,
  ForwardingFacts,
  HealthFacts,
  HostFacts,
  PersistenceFacts,
  ProcessFacts,
  RawFactTypes,
  Setting,
  Settings,
  UnitFacts,
} from "./facts.ts";
import {
  boolean,
  byKind,
  list,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  type Shape,
  ShapeError,
  text,
} from "./shape.ts";

interface Mark {
  readonly value: number;
  readonly mask: number;
}

/** A fact of the shape, or unknown with a reason. */
export function factOf<T>(shape: Shape<T>): Shape<Fact<T>> {
  return (value, path) => {
    const fact = value as Partial<Record<"known" | "unknown", unknown>> | null;
    if (typeof fact !== "object" || fact === null) {
      throw new ShapeError(path, "a fact", value);
    }
    if ("unknown" in fact) text(fact.unknown, `${path}.unknown`);
    else if ("known" in fact) shape(fact.known, `${path}.known`);
    else throw new ShapeError(path, "a fact, known or unknown", value);
  };
}

function setting<T>(shape: Shape<T>): Shape<Setting<T>> {
  return object<Setting<T>>({ value: shape, source: text });
}

const family = oneOf(4, 6);
const textOrNull = nullable(text);
const numberOrNull = nullable(number);
const texts = list(text);

const host: Shape<HostFacts> = object<HostFacts>({
  hostname: text,
  kernel: text,
  distribution: textOrNull,
  uid: number,
  netns: text,
  hardware: textOrNull,
  cloud: textOrNull,
  taken: text,
  booted: textOrNull,
});

const settings: Shape<Settings> = object<Settings>({
  store: setting(oneOf("etcd-v2", "etcd-v3", "kubernetes")),
  etcdEndpoints: setting(texts),
  etcdPrefix: setting(text),
  etcdCafile: setting(text),
  etcdCertfile: setting(text),
  etcdKeyfile: setting(text),
  etcdUsername: setting(text),
  iface: setting(texts),
  ifaceRegex: setting(texts),
  ifaceCanReach: setting(text),
  publicIP: setting(text),
  publicIPv6: setting(text),
  subnetFile: setting(text),
  kubeSubnetMgr: setting(boolean),
  kubeApiUrl: setting(text),
  kubeconfigFile: setting(text),
  kubeAnnotationPrefix: setting(text),
  netConfigPath: setting(text),
  ipMasq: setting(boolean),
  iptablesForwardRules: setting(boolean),
  iptablesResync: setting(number),
  subnetLeaseRenewMargin: setting(number),
  healthzIP: setting(text),
  healthzPort: setting(number),
});

const endpoint: Shape<EndpointHealth> = object<EndpointHealth>({
  endpoint: text,
  reachable: boolean,
  error: textOrNull,
  errorKind: textOrNull,
  version: textOrNull,
  clusterId: textOrNull,
  memberId: textOrNull,
  healthy: nullable(boolean),
  hasLeader: nullable(boolean),
  alarms: texts,
  v2: nullable(boolean),
  v3: nullable(boolean),
  latencyMs: numberOrNull,
});

const certificate: Shape<CertificateFacts> = object<CertificateFacts>({
  role: oneOf("ca", "client", "key", "server"),
  source: text,
  error: textOrNull,
  subject: textOrNull,
  issuer: textOrNull,
  sans: texts,
  notBefore: textOrNull,
  notAfter: textOrNull,
  mode: numberOrNull,
  trusted: nullable(boolean),
});

const configRecord: Shape<ConfigRecord> = object<ConfigRecord>({
  key: text,
  configMap: optional(
    object<NonNullable<ConfigRecord["configMap"]>>({
      namespace: text,
      name: text,
    }),
  ),
  text: textOrNull,
  otherApi: factOf(textOrNull),
  nearby: list(object<ConfigRecord["nearby"][number]>({ key: text, text })),
});

const leaseRecord: Shape<LeaseRecord> = object<LeaseRecord>({
  key: text,
  value: text,
  ttl: numberOrNull,
});

const vxlan: Shape<VxlanDetails> = object<VxlanDetails>({
  vni: number,
  port: number,
  local: textOrNull,
  group: textOrNull,
  lower: textOrNull,
  learning: boolean,
  gbp: boolean,
  l2miss: boolean,
  l3miss: boolean,
  proxy: boolean,
  udpCsum: boolean,
  udp6ZeroCsumTx: boolean,
  udp6ZeroCsumRx: boolean,
  ageing: number,
  ttl: number,
  external: optional(boolean),
});

const link: Shape<Link> = object<Link>({
  index: number,
  name: text,
  kind: textOrNull,
  up: boolean,
  carrier: boolean,
  loopback: boolean,
  pointToPoint: boolean,
  noArp: boolean,
  operState: text,
  mtu: number,
  mac: textOrNull,
  master: textOrNull,
  lower: textOrNull,
  alias: optional(text),
  vxlan: optional(vxlan),
});

const address: Shape<Address> = object<Address>({
  device: text,
  family,
  address: text,
  prefixLength: number,
  peer: textOrNull,
  scope: text,
  broadcast: textOrNull,
  label: textOrNull,
  flags: texts,
});

const nexthop: Shape<Nexthop> = object<Nexthop>({
  gateway: textOrNull,
  device: textOrNull,
  weight: number,
  onlink: boolean,
  down: boolean,
});

const route: Shape<Route> = object<Route>({
  family,
  dst: text,
  type: text,
  table: number,
  protocol: number,
  scope: number,
  metric: number,
  tos: number,
  gateway: textOrNull,
  device: textOrNull,
  onlink: boolean,
  down: boolean,
  prefsrc: textOrNull,
  mtu: numberOrNull,
  nexthops: optional(list(nexthop)),
});

const policyRule: Shape<PolicyRule> = object<PolicyRule>({
  family,
  priority: number,
  from: textOrNull,
  to: textOrNull,
  iif: textOrNull,
  oif: textOrNull,
  fwmark: numberOrNull,
  fwmask: numberOrNull,
  table: number,
  action: text,
  not: boolean,
  other: texts,
});

const neighbour: Shape<Neighbour> = object<Neighbour>({
  device: text,
  family,
  address: text,
  mac: textOrNull,
  state: text,
});

const fdbEntry: Shape<FdbEntry> = object<FdbEntry>({
  device: text,
  mac: text,
  dst: textOrNull,
  self: boolean,
  master: textOrNull,
  permanent: boolean,
  vlan: numberOrNull,
});

function negatable<T>(shape: Shape<T>): Shape<Negatable<T> | undefined> {
  return optional(object<Negatable<T>>({ not: boolean, value: shape }));
}

/** Checks compute with the addresses of a rule; all else is only compared. */
const cidr: Shape<string> = (value, path) => {
  if (typeof value === "string" && tryParseCidr(value) !== null) return;
  throw new ShapeError(path, "a CIDR", value);
};

const match: Shape<Match> = object<Match>({
  source: negatable(list(cidr)),
  destination: negatable(list(cidr)),
  inDevice: negatable(texts),
  outDevice: negatable(texts),
  protocol: negatable(text),
  mark: negatable(object<Mark>({ value: number, mask: number })),
  ctState: negatable(texts),
  sourceType: negatable(text),
  destinationType: negatable(text),
  other: texts,
});

const plain = object<{ kind: string }>({ kind: text }) as Shape<never>;
const jump = object<{ chain: string }>({ chain: text }) as Shape<never>;
const nat = object<{ to: string }>({ to: text }) as Shape<never>;

const target: Shape<Target> = byKind<Target>({
  ACCEPT: plain,
  DROP: plain,
  RETURN: plain,
  CONTINUE: plain,
  REJECT: object<{ with: string | null }>({ with: textOrNull }) as Shape<never>,
  JUMP: jump,
  GOTO: jump,
  MASQUERADE: object<{ randomFully: boolean }>({
    randomFully: boolean,
  }) as Shape<never>,
  SNAT: nat,
  DNAT: nat,
  MARK: object<Mark>({ value: number, mask: number }) as Shape<never>,
  OTHER: object<{ text: string }>({ text }) as Shape<never>,
});

const rule: Shape<Rule> = object<Rule>({
  match,
  target,
  comment: textOrNull,
  text,
  handle: numberOrNull,
  packets: numberOrNull,
});

const chain: Shape<Chain> = object<Chain>({
  name: text,
  hook: textOrNull,
  devices: optional(texts),
  type: textOrNull,
  priority: numberOrNull,
  policy: nullable(oneOf("ACCEPT", "DROP")),
  rules: list(rule),
});

const table: Shape<Table> = object<Table>({
  name: text,
  family: text,
  chains: list(chain),
});

const unreadTables: Shape<UnreadTables> = object<UnreadTables>({
  family: text,
  reason: text,
});

const ruleset: Shape<Ruleset> = object<Ruleset>({
  backend: oneOf("iptables-nft", "iptables-legacy", "nftables"),
  tables: list(table),
  unread: optional(list(unreadTables)),
});

const file: Shape<FileFacts> = object<FileFacts>({
  path: text,
  text: textOrNull,
  modified: textOrNull,
  mode: numberOrNull,
  obstacle: optional(text),
});

const process: Shape<ProcessFacts> = object<ProcessFacts>({
  pid: number,
  name: text,
  argv: texts,
  environment: record(text),
  started: text,
  unit: textOrNull,
  version: textOrNull,
  cwd: textOrNull,
});

const dockerNetwork: Shape<DockerNetwork> = object<DockerNetwork>({
  name: text,
  bridge: text,
  subnets: texts,
  gateway: textOrNull,
  ipMasquerade: boolean,
  mtu: numberOrNull,
});

const docker: Shape<DockerFacts> = object<DockerFacts>({
  version: textOrNull,
  socket: textOrNull,
  pid: numberOrNull,
  bip: setting(textOrNull),
  mtu: setting(numberOrNull),
  ipMasq: setting(boolean),
  iptables: setting(boolean),
  ipForward: setting(boolean),
  liveRestore: setting(boolean),
  bridge: setting(text),
  networks: list(dockerNetwork),
  containers: list(object<DockerFacts["containers"][number]>({
    name: text,
    network: text,
    address: text,
  })),
  daemonJson: nullable(file),
  unitFiles: list(file),
});

const unit: Shape<UnitFacts> = object<UnitFacts>({
  name: text,
  files: list(file),
  restart: textOrNull,
  active: textOrNull,
});

const persistence: Shape<PersistenceFacts> = object<PersistenceFacts>({
  files: list(file),
  services: texts,
  systemd: boolean,
});

const arp: Shape<ArpFacts> = object<ArpFacts>({
  device: text,
  sourceMac: text,
  answers: list(
    object<ArpAnswer>({ address: text, macs: texts, replies: number }),
  ),
  gateway: textOrNull,
  elapsedMs: number,
});

const forwarding: Shape<ForwardingFacts> = object<ForwardingFacts>({
  source: text,
  answers: list(object<ForwardingAnswer>({
    subnet: text,
    publicIP: text,
    hostReached: boolean,
    bridgeReached: boolean,
  })),
  elapsedMs: number,
  unasked: optional(number),
});

const health: Shape<HealthFacts> = object<HealthFacts>({
  url: text,
  status: numberOrNull,
  body: textOrNull,
  error: textOrNull,
});

/** Shape of each raw fact's value. */
export const RAW_FACT_SHAPES: {
  readonly [K in keyof RawFactTypes]: Shape<RawFactTypes[K]>;
} = {
  host,
  settings,
  endpoints: list(endpoint),
  certificates: list(certificate),
  configRecord,
  leaseRecords: list(leaseRecord),
  links: list(link),
  addresses: list(address),
  routes: list(route),
  rules: list(policyRule),
  neighbours: list(neighbour),
  fdb: list(fdbEntry),
  netfilter: list(ruleset),
  sysctls: record(text),
  subnetEnvFile: file,
  processes: list(process),
  docker: nullable(docker),
  units: list(unit),
  persistence,
  arp,
  forwarding,
  health: nullable(health),
};

/** Names of all raw facts, in the order a snapshot has them. */
export const RAW_FACT_NAMES = Object.keys(
  RAW_FACT_SHAPES,
) as readonly (keyof RawFactTypes)[];
