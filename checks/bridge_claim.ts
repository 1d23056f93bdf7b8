/**
 * How far a bridge can be the one that containers of this network hang on.
 *
 * @module
 */
import {
  addressAt,
  containsAddress,
  parseCidr,
  tryParseCidr,
} from "../flannel/cidr.ts";
import type { Address, Link } from "../flannel/kernel.ts";
import type { SubnetEnv } from "../flannel/network_config_types.ts";
import type { DockerFacts, Settings } from "../snapshot/facts.ts";

/** Networks and subnets as subnet.env has them, the subnets as addresses. */
export type Subnets = Pick<
  SubnetEnv,
  "network" | "subnet" | "ipv6Network" | "ipv6Subnet"
>;

/** Facts that tell what attaches the containers of a host. */
export interface AttachmentFacts {
  readonly settings: Settings;
  readonly docker: DockerFacts | null;
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly subnetEnv: Subnets | null;
}

/**
 * What speaks for a bridge: `exact`, it has the own subnet's first address;
 * `own`, another address of the own subnet; `stray`, containers hang on it and
 * it has what would be the first address of another host's subnet. Or why it
 * may be meant and may not be; or null, it is not meant.
 */
export type BridgeClaim =
  | "exact"
  | "own"
  | "stray"
  | { readonly doubt: string }
  | null;

/** Bridges that other programs make for containers and machines of theirs. */
const OTHERS =
  /^(?:virbr\d|lxcbr\d|lxdbr\d|incusbr\d|podman\d|cni-podman\d|nerdctl\d|docker_gwbridge$|br-[0-9a-f]{12}$)/;

/** Docker's own bridge, which another network's host has in a range of Docker's. */
const DOCKERS = "docker0";

/** What speaks for this bridge. */
export function bridgeClaim(bridge: Link, facts: AttachmentFacts): BridgeClaim {
  if (isOtherDockerNetwork(bridge.name, facts.docker)) return null;
  const held = facts.addresses.filter(({ device }) => device === bridge.name);
  const families = familiesOf(facts.subnetEnv);
  const texts = held.map((each) => `${each.address}/${each.prefixLength}`);
  if (families.some(({ subnet }) => texts.includes(subnet))) return "exact";
  const isOwn = families.some(({ subnet }) => {
    const cidr = parseCidr(subnet);
    return held.some(({ address }) => containsAddress(cidr, address));
  });
  if (isOwn) return "own";
  for (const family of families) {
    const found = held.find(({ address }) =>
      containsAddress(parseCidr(family.network), address)
    );
    const claim = found && strayClaim(bridge, found, family, facts.links);
    if (claim) return claim;
  }
  return abandonedClaim(bridge, held, facts);
}

/** Whether a container hangs on the bridge. */
export function hasContainers(
  bridge: string,
  links: readonly Link[],
): boolean {
  return links.some(({ master, kind }) => master === bridge && kind === "veth");
}

interface OwnFamily {
  readonly network: string;
  readonly subnet: string;
}

function familiesOf(subnets: Subnets | null): OwnFamily[] {
  const { network, subnet, ipv6Network, ipv6Subnet } = subnets ?? {};
  return [[network, subnet], [ipv6Network, ipv6Subnet]].flatMap(
    ([network, subnet]) => network && subnet ? [{ network, subnet }] : [],
  );
}

function isOtherDockerNetwork(
  name: string,
  docker: DockerFacts | null,
): boolean {
  return docker?.bridge.value !== name &&
    (docker?.networks.some((network) => network.bridge === name) ?? false);
}

/** Of a bridge inside the network that has no address of the own subnet. */
function strayClaim(
  { name }: Link,
  { address, prefixLength }: Address,
  { network, subnet }: OwnFamily,
  links: readonly Link[],
): BridgeClaim {
  const ports = links.filter(({ master }) => master === name);
  const used = hasContainers(name, links);
  const cidr = tryParseCidr(`${address}/${prefixLength}`);
  // flannel gives every host a subnet of one length, and its first address.
  const alike = cidr !== null && addressAt(cidr, 1) === address &&
    prefixLength === parseCidr(subnet).prefixLength;
  const doubt = (why: string) => ({
    doubt:
      `it has ${address}/${prefixLength}, inside ${network} but not on this host's subnet ${subnet}, and ${why}`,
  });
  if (!alike && (name === DOCKERS || OTHERS.test(name))) return null;
  const others = OTHERS.test(name);
  if (!used) {
    return alike && ports.length === 0 && !others
      ? doubt("nothing hangs on it")
      : null;
  }
  if (others) return doubt("bridges of that name are another program's");
  if (!alike) return doubt("flannel gives no host an address like that");
  // Machines or a cable on it: a network of another kind, containers or not.
  const aside = ports.find(({ kind }) => kind === null || kind === "tun");
  return aside === undefined
    ? "stray"
    : doubt(`${aside.name}, which is no container's, is a port of it`);
}

/**
 * Of a bridge that has lost its address with containers on it, and of Docker's
 * on which containers live on when Docker is gone.
 */
function abandonedClaim(
  { name }: Link,
  held: readonly Address[],
  { settings, docker, links }: AttachmentFacts,
): BridgeClaim {
  // Of all addresses a device has one by itself, of scope link.
  const texts = held.filter(({ scope }) => scope !== "link")
    .map((each) => `${each.address}/${each.prefixLength}`);
  const ports = links.filter(({ master }) => master === name);
  if (
    texts.length === 0 && ports.length > 0 && !OTHERS.test(name) &&
    ports.every(({ kind }) => kind === "veth")
  ) return { doubt: "containers hang on it and it has no address" };
  return name === DOCKERS && docker === null &&
      settings.store.value !== "kubernetes" && hasContainers(name, links)
    ? {
      doubt: `containers hang on it and it has ${
        texts.join(", ")
      }, but no Docker runs here`,
    }
    : null;
}
