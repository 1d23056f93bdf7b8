/**
 * Questions put to the peers: who answers ARP on the external interface, and
 * which addresses, the hosts' and the containers', come back.
 *
 * @module
 */
import type { LocalNode } from "../flannel/expected_types.ts";
import { MAIN_TABLE, type Route } from "../flannel/kernel.ts";
import type { Lease } from "../flannel/lease.ts";
import { isOwnLease } from "../flannel/own_lease.ts";
import { firstAddressOf } from "../flannel/subnet_env.ts";
import { type ArpSweepOptions, sweepArp } from "../host/arp.ts";
import { type EchoProbeOptions, probeEcho } from "../host/icmp_probe.ts";
import { attempt } from "./attempt.ts";
import { type Fact, isKnown, unknown, valueOf } from "./fact.ts";
import type { ArpFacts, Facts, ForwardingFacts } from "./facts.ts";
import { lookupBy } from "../flannel/route_lookup.ts";

/** Deadline of all probes, milliseconds. */
const PROBE_MS = 10_000;

/** Pace and patience of the echo probes. */
const ECHO = { timeoutMs: 400, retries: 1, ratePerSecond: 10_000 } as const;

/** What the probes find out. */
export interface ProbeFacts {
  readonly arp: Fact<ArpFacts>;
  readonly forwarding: Fact<ForwardingFacts>;
}

/** Facts that tell whom to ask. */
export type ProbeNeeds = Pick<
  Facts,
  | "node"
  | "leases"
  | "links"
  | "addresses"
  | "routes"
  | "neighbours"
  | "sysctls"
>;

/** Gateway of the IPv4 default route of lowest metric over a device, or null. */
export function defaultGateway(
  routes: readonly Route[],
  device: string,
): string | null {
  const hops = routes
    .filter((route) =>
      route.table === MAIN_TABLE && route.dst === "0.0.0.0/0" &&
      route.type === "unicast"
    )
    .sort((a, b) => a.metric - b.metric)
    .flatMap((route): readonly Pick<Route, "device" | "gateway">[] =>
      route.nexthops ?? [route]
    );
  return hops.find((hop) => hop.device === device && hop.gateway !== null)
    ?.gateway ?? null;
}

function peersOf(leases: readonly Lease[], node: LocalNode): Lease[] {
  return leases.filter((lease) =>
    lease.key !== node.lease?.key && !isOwnLease(lease, node)
  );
}

/** What to sweep for: on-link public addresses of peers, and the gateway. */
export function arpTargets(facts: ProbeNeeds): Fact<
  & Pick<ArpSweepOptions, "device" | "sourceAddress" | "sourceMac" | "targets">
  & { readonly gateway: string | null }
> {
  const { node, leases } = facts;
  if (!isKnown(node)) return node;
  if (!isKnown(leases)) return leases;
  const { device, address } = node.known;
  if (address === null) return unknown("this network has no IPv4");
  const link = valueOf(facts.links)?.find((link) => link.name === device);
  if (!link?.mac || link.noArp || link.loopback) {
    return unknown(`${device} has no link-layer addresses`);
  }
  const routes = valueOf(facts.routes) ?? [];
  const addresses = valueOf(facts.addresses) ?? [];
  const own = new Set(addresses.map((entry) => entry.address));
  const lookup = lookupBy(routes, addresses);
  const onLink = (target: string) => {
    const hop = lookup(target);
    return hop?.gateway === null && hop.device === device;
  };
  const gateway = defaultGateway(routes, device);
  const peers = peersOf(leases.known, node.known)
    .map((lease) => lease.attributes.publicIP)
    .filter((target) => !own.has(target) && onLink(target));
  const targets = [
    ...new Set([...gateway === null ? [] : [gateway], ...peers]),
  ];
  return {
    known: {
      device,
      sourceAddress: address,
      sourceMac: link.mac,
      targets,
      gateway,
    },
  };
}

/** Where the echo probes go from and to. */
export interface ForwardingPlan {
  readonly source: string;
  readonly hostSource: string;
  readonly peers: readonly {
    readonly subnet: string;
    readonly publicIP: string;
    /** First address of the peer's subnet: its bridge. */
    readonly bridge: string;
  }[];
  /** How many more peers there are. */
  readonly unasked: number;
}

/** Size that the neighbour table is kept to where the kernel does not say. */
const TABLE_SIZE = 512;

/** Fewest peers asked, however full the neighbour table. */
const FEWEST = 32;

/**
 * How many peers may be asked. Each echo to an on-link host makes a neighbour
 * entry; beyond `gc_thresh2` the kernel throws out entries that others use
 * (`arp(7)`), and a question must not break the network it asks about.
 */
function mostPeers(facts: ProbeNeeds): number {
  const limit = valueOf(facts.sysctls)?.["net.ipv4.neigh.default.gc_thresh2"];
  const used = valueOf(facts.neighbours)?.filter((n) => n.family === 4).length;
  return Math.max(FEWEST, Number(limit ?? TABLE_SIZE) - (used ?? 0));
}

/** At most `most` of the items, evenly spread. */
function spread<T>(items: readonly T[], most: number): T[] {
  const step = Math.max(1, items.length / most);
  return items.filter((_, index) =>
    index === 0 || Math.floor(index / step) !== Math.floor((index - 1) / step)
  );
}

/** Whom to send echoes to, from the own bridge address and the host's own. */
export function forwardingPlan(facts: ProbeNeeds): Fact<ForwardingPlan> {
  const { node, leases } = facts;
  if (!isKnown(node)) return node;
  if (!isKnown(leases)) return leases;
  const { address, lease } = node.known;
  if (lease?.subnet == null || address === null) {
    return unknown("this host has no lease with an IPv4 subnet");
  }
  const bridgeOf = (subnet: string) => firstAddressOf(subnet).split("/")[0]!;
  const source = bridgeOf(lease.subnet);
  const holds = valueOf(facts.addresses)?.some((a) => a.address === source);
  if (!holds) {
    return unknown(
      `no device here holds ${source}, the first address of this host's subnet`,
    );
  }
  const all = peersOf(leases.known, node.known).flatMap((peer) =>
    peer.subnet === null ? [] : [{
      subnet: peer.subnet,
      publicIP: peer.attributes.publicIP,
      bridge: bridgeOf(peer.subnet),
    }]
  );
  const peers = spread(all, mostPeers(facts));
  const unasked = all.length - peers.length;
  return { known: { source, hostSource: address, peers, unasked } };
}

async function probeForwarding(plan: ForwardingPlan): Promise<ForwardingFacts> {
  const start = performance.now();
  const ask = (source: string, targets: readonly string[]) => {
    const options: EchoProbeOptions = { ...ECHO, source, targets };
    return probeEcho(options);
  };
  const [hosts, bridges] = await Promise.all([
    ask(plan.hostSource, plan.peers.map((peer) => peer.publicIP)),
    ask(plan.source, plan.peers.map((peer) => peer.bridge)),
  ]);
  return {
    source: plan.source,
    answers: plan.peers.map(({ subnet, publicIP, bridge }) => ({
      subnet,
      publicIP,
      hostReached: hosts.reached.get(publicIP) ?? false,
      bridgeReached: bridges.reached.get(bridge) ?? false,
    })),
    elapsedMs: performance.now() - start,
    ...plan.unasked === 0 ? {} : { unasked: plan.unasked },
  };
}

/**
 * Asks the peers by echo, then by ARP. Not at once: the echoes make the kernel
 * ask by ARP too, whose answers would look like duplicates of ours.
 */
export async function collectProbes(facts: ProbeNeeds): Promise<ProbeFacts> {
  const sweep = arpTargets(facts);
  const plan = forwardingPlan(facts);
  const forwarding = isKnown(plan)
    ? await attempt("peers", PROBE_MS, () => probeForwarding(plan.known))
    : plan;
  const arp = isKnown(sweep)
    ? await attempt("the segment", PROBE_MS, async () => {
      const { device, sourceMac, gateway } = sweep.known;
      return { device, sourceMac, gateway, ...await sweepArp(sweep.known) };
    })
    : sweep;
  return { arp, forwarding };
}
