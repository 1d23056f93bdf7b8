/**
 * The placeholders of fault files.
 *
 * @module
 */
import { HEALTHZ_PORT } from "./agent.ts";
import { webAddress } from "./bridge_containers.ts";
import { ETCD_PREFIX, firstMember } from "./etcd.ts";
import type { LabNode, LabPlan } from "./lab_plan.ts";
import { bridgeAddress, leaseKey, leaseValue } from "./write_by_hand.ts";

/**
 * What `{placeholders}` stand for on a host: `{network}`, `{prefix}`,
 * `{endpoints}`, `{etcd}`, `{config}`, `{healthz}`; of the host `{name}`, `{subnet}`,
 * `{subnet.address}`, `{bridge}` (with length), `{bridge.address}`, `{address}`,
 * `{gateway}`, `{web}`, `{key}`, `{lease}`; and the same of its peer as
 * `{peer.subnet}` and so on.
 */
export function faultValues(
  plan: LabPlan,
  host: LabNode,
): Record<string, string> {
  const hosts = plan.nodes.filter((node) => node.kind === "host");
  const peer = hosts.find((node) => node !== host) ?? host;
  const ofPeer = Object.entries(nodeValues(plan, peer))
    .map(([name, value]) => [`peer.${name}`, value]);
  return {
    network: plan.network ?? "",
    config: plan.spec.config,
    prefix: ETCD_PREFIX,
    endpoints: plan.endpoints.join(","),
    etcd: firstMember(plan).address,
    healthz: String(HEALTHZ_PORT),
    ...nodeValues(plan, host),
    ...Object.fromEntries(ofPeer),
  };
}

function nodeValues(plan: LabPlan, node: LabNode): Record<string, string> {
  const [bridge = ""] = bridgeAddress(node).split("/");
  return {
    name: node.name,
    address: node.address,
    gateway: node.gateway,
    subnet: node.subnet ?? "",
    "subnet.address": node.subnet?.split("/")[0] ?? "",
    bridge: bridgeAddress(node),
    "bridge.address": bridge,
    web: webAddress(node),
    key: `${ETCD_PREFIX}/subnets/${leaseKey(node)}`,
    lease: leaseValue(plan, node),
  };
}

/**
 * Puts the values in. Braces that hold no name, as JSON and the shell have
 * them, stay.
 *
 * @throws {RangeError} for a name that stands for nothing.
 */
export function fillIn(
  text: string,
  values: Readonly<Record<string, string>>,
): string {
  return text.replace(/\{([a-z]+(?:\.[a-z]+)*)\}/g, (_, name: string) => {
    const value = values[name];
    if (value !== undefined) return value;
    throw new RangeError(
      `Cannot fill in "{${name}}": there are ${Object.keys(values).join(", ")}`,
    );
  });
}
