/**
 * What attaches the containers of a host to the flannel network.
 *
 * @module
 */
import type { Address, Link } from "../flannel/kernel.ts";
import type { SubnetEnv } from "../flannel/network_config_types.ts";
import type { DockerFacts, Settings } from "../snapshot/facts.ts";

/** Who attaches containers, and the bridge it does so with. */
export interface Attachment {
  readonly by: "docker" | "cni";
  /** Name of the bridge; the device may be missing (FD307). */
  readonly bridge: string;
}

/** Default name of the bridge plugin's bridge under the flannel plugin. */
const CNI_BRIDGE = "cni0";

/**
 * Docker or a CNI plugin, or null while neither has a bridge here: a
 * Kubernetes node without pods, a host without Docker.
 *
 * A host may have both docker0 and cni0; the one on the subnet is meant. When
 * neither is, cni0 decides, since Docker never makes it, and docker0 then
 * rightly has Docker's own addresses.
 */
export function attachment(facts: {
  readonly settings: Settings;
  readonly docker: DockerFacts | null;
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly subnetEnv: Pick<SubnetEnv, "subnet"> | null;
}): Attachment | null {
  const { settings, docker, links, addresses, subnetEnv } = facts;
  const bridges = new Set(
    links.filter((link) => link.kind === "bridge").map((link) => link.name),
  );
  const holders = addresses.filter((address) =>
    bridges.has(address.device) &&
    `${address.address}/${address.prefixLength}` === subnetEnv?.subnet
  ).map((address) => address.device);
  const name = docker?.bridge.value ?? "none";
  const isDocker = name !== "none" && settings.store.value !== "kubernetes";
  if (isDocker && holders.includes(name)) return { by: "docker", bridge: name };
  const other = holders.find((device) => device !== name);
  if (other !== undefined) return { by: "cni", bridge: other };
  if (bridges.has(CNI_BRIDGE)) return { by: "cni", bridge: CNI_BRIDGE };
  return isDocker ? { by: "docker", bridge: name } : null;
}
