/**
 * Facts computed from raw ones. Pure: a snapshot judged elsewhere or later
 * gives what it would have given on its host.
 *
 * @module
 */
import { canonicalCidr } from "../flannel/cidr.ts";
import { expectedState } from "../flannel/expected.ts";
import type { LocalNode } from "../flannel/expected_types.ts";
import { chooseInterface } from "../flannel/interface_choice.ts";
import type { Lease } from "../flannel/lease.ts";
import { unreadTables } from "../flannel/firewall/unread_tables.ts";
import { parseNetworkConfig } from "../flannel/network_config.ts";
import type {
  NetworkConfig,
  SubnetEnv,
} from "../flannel/network_config_types.ts";
import { onLinkBy } from "../flannel/on_link.ts";
import { findNamedLease, findOwnLease } from "../flannel/own_lease.ts";
import { parseLeases } from "../flannel/parse_lease.ts";
import { parseSubnetEnv } from "../flannel/subnet_env.ts";
import { atLeast } from "../flannel/version.ts";
import { versionInUse } from "../flannel/version_in_use.ts";
import { type Fact, isKnown, known, unknown, valueOf } from "./fact.ts";
import type { DerivedFactTypes, Facts, RawFacts, Settings } from "./facts.ts";
import { lookupBy } from "../flannel/route_lookup.ts";

type Derived = {
  readonly [K in keyof DerivedFactTypes]: Fact<DerivedFactTypes[K]>;
};

/** The reason of an unknown fact behind what it was needed for. */
function because(what: string, fact: Fact<unknown>): Fact<never> {
  return unknown(`${what}: ${"unknown" in fact ? fact.unknown : "known"}`);
}

/** Release of flannel whose rules hold here; the latest where nothing tells. */
function releaseOf(raw: RawFacts): string {
  return versionInUse(
    valueOf(raw.processes) ?? [],
    valueOf(raw.settings)?.store.value ?? null,
  );
}

function deriveConfig(raw: RawFacts): Fact<NetworkConfig> {
  if (!isKnown(raw.configRecord)) {
    return because("the network config could not be read", raw.configRecord);
  }
  const { key, text } = raw.configRecord.known;
  if (text === null) return unknown(`there is no network config at ${key}`);
  const kubernetes = valueOf(raw.settings)?.store.value === "kubernetes";
  const { config, problems } = parseNetworkConfig(text, {
    flannelVersion: releaseOf(raw),
    store: kubernetes ? "kubernetes" : "etcd",
  });
  return config === null
    ? unknown(
      `the network config at ${key} is invalid: ${
        problems[0]?.message ?? "flannel refuses it"
      }`,
    )
    : known(config);
}

function deriveLeases(raw: RawFacts): Fact<readonly Lease[]> {
  if (!isKnown(raw.leaseRecords)) {
    return because("the leases could not be read", raw.leaseRecords);
  }
  return known(parseLeases(raw.leaseRecords.known).leases);
}

function deriveSubnetEnv(raw: RawFacts): Fact<SubnetEnv> {
  if (!isKnown(raw.subnetEnvFile)) {
    return because("subnet.env could not be read", raw.subnetEnvFile);
  }
  const { path, text, obstacle } = raw.subnetEnvFile.known;
  if (obstacle !== undefined) return unknown(`${path}: ${obstacle}`);
  if (text === null) return unknown(`${path} does not exist`);
  const { env, problems } = parseSubnetEnv(text);
  const missing = problems.find((problem) => problem.code === "missing");
  return env === null
    ? unknown(
      `${path} is not usable: ${missing?.variable ?? "a value"} is missing`,
    )
    : known(env);
}

function deriveNode(
  raw: RawFacts,
  config: NetworkConfig | undefined,
  leases: Fact<readonly Lease[]>,
  subnetEnv: SubnetEnv | undefined,
): Fact<LocalNode> {
  const { settings, links, addresses, routes } = raw;
  const needed: readonly Fact<unknown>[] = [settings, links, addresses, routes];
  const missing = needed.find((fact) => !isKnown(fact));
  if (missing !== undefined) {
    return because("this host's interfaces are not known", missing);
  }
  if (!isKnown(leases)) {
    return because("this host's lease is not known", leases);
  }
  const kernel = {
    links: valueOf(links) ?? [],
    addresses: valueOf(addresses) ?? [],
    routes: valueOf(routes) ?? [],
  };
  const given = valueOf(settings);
  const choice = chooseInterface({
    iface: given?.iface.value ?? [],
    ifaceRegex: given?.ifaceRegex.value ?? [],
    ifaceCanReach: given?.ifaceCanReach.value ?? "",
    publicIP: given?.publicIP.value ?? "",
    publicIPv6: given?.publicIPv6.value ?? "",
    ipv4: config?.enableIPv4 ?? true,
    ipv6: config?.enableIPv6 ?? false,
    flannelVersion: releaseOf(raw),
  }, { ...kernel, lookup: lookupBy(kernel.routes, kernel.addresses) });
  if ("problem" in choice) {
    return unknown(`no external interface: ${choice.problem}`);
  }
  const lease = findOwnLease(leases.known, choice.node, subnetEnv ?? null) ??
    overwritten(given, leases.known, subnetEnv);
  const published = lease === null
    ? publishedBefore(raw, leases.known, subnetEnv)
    : null;
  if (published !== null) {
    return unknown(
      `lease ${published.key} carries ${published.attributes.publicIP}, an address of this host, and not ${choice.node.publicIP}: no agent runs that would say which interface is the network's; --iface or --public-ip says it`,
    );
  }
  return known({ ...choice.node, lease });
}

/**
 * The lease of an agent that is away and whose flags nobody knows: its
 * interface may have been any of this host's.
 */
function publishedBefore(
  { settings, processes, addresses }: RawFacts,
  leases: readonly Lease[],
  subnetEnv: SubnetEnv | undefined,
): Lease | null {
  const [given, running] = [valueOf(settings), valueOf(processes)];
  if (given === undefined || running === undefined) return null;
  const { store, iface, ifaceRegex, ifaceCanReach, publicIP, publicIPv6 } =
    given;
  const isTold = [iface, ifaceRegex, ifaceCanReach, publicIP, publicIPv6]
    .some(({ value }) => value.length > 0);
  const isRunning = running.some(({ name }) =>
    name === "flanneld" || name === "flandoc"
  );
  if (store.value === "kubernetes" || isTold || isRunning) return null;
  return findNamedLease(
    leases,
    (valueOf(addresses) ?? []).map(({ address }) => address),
    subnetEnv ?? null,
  );
}

/**
 * In Kubernetes an annotation may have overwritten the address of a node
 * behind NAT: no address of the host is its lease's then, and subnet.env alone
 * tells which lease it has.
 */
function overwritten(
  settings: Settings | undefined,
  leases: readonly Lease[],
  subnetEnv: SubnetEnv | undefined,
): Lease | null {
  if (settings?.store.value !== "kubernetes") return null;
  const subnet = canonicalCidr(subnetEnv?.subnet ?? "");
  const ipv6Subnet = canonicalCidr(subnetEnv?.ipv6Subnet ?? "");
  return leases.find((lease) =>
    subnet === null
      ? ipv6Subnet !== null && lease.ipv6Subnet === ipv6Subnet
      : lease.subnet === subnet
  ) ?? null;
}

/** First release whose vxlan has a route, neighbour and FDB entry a peer. */
const FIRST_PEER_ROUTES = "0.9.0";

function deriveExpected(
  raw: RawFacts,
  { config, leases, node }: Omit<Derived, "expected" | "subnetEnv">,
): Derived["expected"] {
  if (!isKnown(config)) return config;
  if (!isKnown(leases)) return leases;
  if (!isKnown(node)) return node;
  const release = releaseOf(raw);
  if (
    config.known.backendType === "vxlan" &&
    !atLeast(release, FIRST_PEER_ROUTES)
  ) {
    return unknown(
      `flanneld ${release} runs here: before v${FIRST_PEER_ROUTES} vxlan has one route for the whole network and asks for neighbours on demand, which flandoc does not model`,
    );
  }
  const expectation = expectedState({
    config: config.known,
    leases: leases.known,
    node: node.known,
    onLinkBy: onLinkBy(valueOf(raw.routes) ?? []),
  });
  return "unmodelled" in expectation
    ? unknown(
      `flandoc does not know what backend "${expectation.unmodelled}" wants of the kernel`,
    )
    : known(expectation.state);
}

/** Tables of a family the network does not have meet none of its packets. */
function deriveNetfilter(
  { netfilter }: RawFacts,
  config: NetworkConfig | undefined,
): RawFacts["netfilter"] {
  if (!isKnown(netfilter)) return netfilter;
  const others = [
    ...config?.ipv4 === null ? ["ip"] : [],
    ...config?.ipv6 === null ? ["ip6"] : [],
  ];
  const reasons = unreadTables(
    netfilter.known,
    (family) => !others.includes(family),
  );
  return reasons.length === 0 ? netfilter : unknown(reasons.join("; "));
}

/** All facts, from raw ones. An unknown one says what it hangs on. */
export function deriveFacts(raw: RawFacts): Facts {
  const config = deriveConfig(raw);
  const leases = deriveLeases(raw);
  const subnetEnv = deriveSubnetEnv(raw);
  const node = deriveNode(raw, valueOf(config), leases, valueOf(subnetEnv));
  const expected = deriveExpected(raw, { config, leases, node });
  const netfilter = deriveNetfilter(raw, valueOf(config));
  return { ...raw, netfilter, config, leases, subnetEnv, node, expected };
}
