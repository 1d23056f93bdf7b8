/**
 * What attaches the containers of a host to the flannel network.
 *
 * @module
 */
import type { LocalNode } from "../flannel/expected_types.ts";
import type { NetworkConfig } from "../flannel/network_config_types.ts";
import { firstAddressOf } from "../flannel/subnet_env.ts";
import {
  type AttachmentFacts,
  type BridgeClaim,
  bridgeClaim,
  hasContainers,
  type Subnets,
} from "./bridge_claim.ts";

/** Who attaches containers, and the bridge it does so with. */
export interface Attachment {
  /** `other`: nothing tells of Docker or a CNI plugin. */
  readonly by: "docker" | "cni" | "other";
  /** Name of the bridge; the device may be missing (FD307). */
  readonly bridge: string;
}

/** Default name of the bridge plugin's bridge under the flannel plugin. */
const CNI_BRIDGE = "cni0";

/**
 * Docker, a CNI plugin or whoever made the bridge, or null while there is none:
 * a Kubernetes node without pods, a host without Docker. Null as well where
 * {@linkcode attachmentDoubt} says why it cannot be told.
 *
 * A host may have several bridges; the one on the subnet is meant, else one
 * that has containers and the address of another subnet: the lease has
 * changed and the bridge has not. A cni0 is meant before Docker's bridge,
 * since Docker never makes it, and docker0 then rightly has Docker's own
 * addresses.
 */
export function attachment(facts: AttachmentFacts): Attachment | null {
  const found = decide(facts);
  return found !== null && "bridge" in found ? found : null;
}

/**
 * Why it cannot be told what attaches containers here, in the words of an
 * unknown fact's reason; null where it can.
 */
export function attachmentDoubt(facts: AttachmentFacts): string | null {
  const found = decide(facts);
  return found !== null && "doubt" in found ? found.doubt : null;
}

/** What the records have in place of a subnet.env; null without a lease. */
export function leasedSubnets(
  config: NetworkConfig,
  { lease }: LocalNode,
): Subnets | null {
  return lease === null ? null : {
    network: config.ipv4?.network ?? null,
    subnet: lease.subnet ? firstAddressOf(lease.subnet) : null,
    ipv6Network: config.ipv6?.network ?? null,
    ipv6Subnet: lease.ipv6Subnet ? firstAddressOf(lease.ipv6Subnet) : null,
  };
}

function decide(
  facts: AttachmentFacts,
): Attachment | { readonly doubt: string } | null {
  const { settings, docker, links } = facts;
  const bridges = links.filter((link) => link.kind === "bridge");
  const claims = bridges.map((bridge): [string, BridgeClaim] => [
    bridge.name,
    bridgeClaim(bridge, facts),
  ]);
  const claimed = (wanted: BridgeClaim) =>
    claims.filter(([, claim]) => claim === wanted).map(([name]) => name);

  const kubernetes = settings.store.value === "kubernetes";
  const dockers = docker?.bridge.value ?? "none";
  const attached = (bridge: string): Attachment => {
    const by = dockers !== "none" && bridge === dockers
      ? "docker"
      : kubernetes || bridge === CNI_BRIDGE
      ? "cni"
      : "other";
    return { by, bridge };
  };

  const byDocker = dockers !== "none" && !kubernetes;
  const favourites = kubernetes ? [CNI_BRIDGE] : [dockers, CNI_BRIDGE];
  for (const names of [claimed("exact"), claimed("own")]) {
    const chosen = favourites.find((name) => names.includes(name)) ??
      names.find((name) => name !== dockers) ?? names[0];
    if (chosen !== undefined) return attached(chosen);
  }
  const cni = bridges.some(({ name }) => name === CNI_BRIDGE);
  // Docker's containers are looked after before those of an unknown bridge.
  if (byDocker && !cni && hasContainers(dockers, links)) {
    return attached(dockers);
  }
  const strays = claimed("stray");
  const stray = [CNI_BRIDGE, dockers].find((name) => strays.includes(name)) ??
    strays[0];
  if (stray !== undefined) {
    const sure = strays.length === 1 || [CNI_BRIDGE, dockers].includes(stray);
    return sure ? attached(stray) : { doubt: whichOf(strays, facts) };
  }
  if (cni) return attached(CNI_BRIDGE);
  if (byDocker) return attached(dockers);
  return claims.map(([name, claim]) => withName(name, claim))
    .find((doubt) => doubt !== null) ?? null;
}

function withName(
  name: string,
  claim: BridgeClaim,
): { readonly doubt: string } | null {
  return claim === null || typeof claim === "string" ? null : {
    doubt:
      `cannot tell whether ${name} attaches containers to this network: ${claim.doubt}`,
  };
}

function whichOf(names: readonly string[], facts: AttachmentFacts): string {
  const { subnet, ipv6Subnet } = facts.subnetEnv ?? {};
  return `cannot tell which of ${
    names.join(", ")
  } attaches containers to this network: none is on this host's subnet ${
    subnet ?? ipv6Subnet
  }`;
}
