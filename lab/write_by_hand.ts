/**
 * What flanneld would have written on a host, written once by the lab itself.
 *
 * It is worked out here by hand, from the plan, and not by flandoc's own rules
 * in `flannel/`: a network made by the rules that then judge it would always be
 * found right.
 *
 * @module
 */
import { UDP_OVERHEAD, VXLAN_OVERHEAD } from "../flannel/mtu.ts";
import { writeLease } from "./etcd.ts";
import type { LabNode, LabPlan } from "./lab_plan.ts";
import { mustRunOn } from "./node_command.ts";
import { settleAll } from "./settle_all.ts";

/** Writes leases, device, routes, neighbours, FDB and rules; subnet.env is there. */
export async function writeByHand(plan: LabPlan): Promise<void> {
  const hosts = plan.nodes.filter((node) => node.subnet !== null);
  await settleAll(hosts.map(async (host) => {
    await writeLease(plan, leaseKey(host), leaseValue(plan, host));
    const script = hostScript(plan, host);
    await mustRunOn(plan, host, ["sh", "-eus"], { stdin: script });
  }));
}

/** `172.7.21.0-24`. */
export function leaseKey(host: LabNode): string {
  return (host.subnet ?? "").replace("/", "-");
}

/** The lease as flanneld v0.11 writes it. */
export function leaseValue(plan: LabPlan, host: LabNode): string {
  const { backend } = plan;
  const lease: Record<string, unknown> = { PublicIP: host.address };
  if (backend !== "udp" && backend !== "alloc") lease.BackendType = backend;
  if (backend === "vxlan") lease.BackendData = { VtepMAC: vtepMac(plan, host) };
  return JSON.stringify(lease);
}

/** A MAC for each host's VTEP, locally administered. */
export function vtepMac(plan: LabPlan, host: LabNode): string {
  const index = plan.nodes.indexOf(host);
  return `02:fd:00:00:00:${index.toString(16).padStart(2, "0")}`;
}

/** What each backend's envelope takes of a packet; those without take none. */
const OVERHEAD: Readonly<Record<string, number>> = {
  vxlan: VXLAN_OVERHEAD,
  udp: UDP_OVERHEAD,
};

/** MTU for containers. */
export function overlayMtu(plan: LabPlan): number {
  return plan.spec.mtu - (OVERHEAD[plan.backend] ?? 0);
}

/** Address of a host's container bridge: the first of its subnet. */
export function bridgeAddress(host: LabNode): string {
  const [address = "", length = ""] = (host.subnet ?? "").split("/");
  return `${
    address.replace(/\d+$/, (last) => String(Number(last) + 1))
  }/${length}`;
}

/** Whether flannel masquerades in this network: `--ip-masq`. */
export function masquerades(plan: LabPlan): boolean {
  return plan.spec.agentFlags.includes("--ip-masq");
}

/** subnet.env as flanneld v0.11 writes it. */
export function subnetEnv(plan: LabPlan, host: LabNode): string {
  return [
    `FLANNEL_NETWORK=${plan.network}`,
    `FLANNEL_SUBNET=${bridgeAddress(host)}`,
    `FLANNEL_MTU=${overlayMtu(plan)}`,
    `FLANNEL_IPMASQ=${masquerades(plan)}`,
    "",
  ].join("\n");
}

/** The device, a line for each peer, and flanneld's rules. */
export function hostScript(plan: LabPlan, host: LabNode): string {
  const peers = plan.nodes.filter((node) =>
    node.subnet !== null && node !== host
  );
  return [
    ...plan.backend === "vxlan" ? deviceLines(plan, host) : [],
    ...peers.flatMap((peer) => peerLines(plan, host, peer)),
    ...masquerades(plan) ? masqueradeLines(plan, host) : [],
    `iptables -w -A FORWARD -s ${plan.network} -j ACCEPT`,
    `iptables -w -A FORWARD -d ${plan.network} -j ACCEPT`,
    "",
  ].join("\n");
}

/** The four rules of v0.11, in its order. */
function masqueradeLines(plan: LabPlan, host: LabNode): string[] {
  const { network } = plan;
  return [
    `-s ${network} -d ${network} -j RETURN`,
    `-s ${network} ! -d 224.0.0.0/4 -j MASQUERADE --random-fully`,
    `! -s ${network} -d ${host.subnet} -j RETURN`,
    `! -s ${network} -d ${network} -j MASQUERADE --random-fully`,
  ].map((rule) => `iptables -w -t nat -A POSTROUTING ${rule}`);
}

interface VxlanOptions {
  readonly VNI?: number;
  readonly Port?: number;
  readonly DirectRouting?: boolean;
}

function vxlanOptions(plan: LabPlan): VxlanOptions {
  return (JSON.parse(plan.spec.config) as { Backend: VxlanOptions }).Backend;
}

/** Name of the overlay device, `flannel.1` unless the config has another VNI. */
export function vxlanDevice(plan: LabPlan): string {
  return `flannel.${vxlanOptions(plan).VNI ?? 1}`;
}

function deviceLines(plan: LabPlan, host: LabNode): string[] {
  const { VNI = 1, Port = 8472 } = vxlanOptions(plan);
  const device = vxlanDevice(plan);
  return [
    `ip link add ${device} address ${
      vtepMac(plan, host)
    } type vxlan id ${VNI} ` +
    `local ${host.address} dev eth0 dstport ${Port} nolearning`,
    `ip link set ${device} mtu ${overlayMtu(plan)} up`,
    `ip address add ${firstAddress(host)}/32 dev ${device}`,
  ];
}

function peerLines(plan: LabPlan, host: LabNode, peer: LabNode): string[] {
  const direct = plan.backend === "host-gw" ||
    vxlanOptions(plan).DirectRouting === true && host.segment === peer.segment;
  if (plan.backend === "host-gw" && host.segment !== peer.segment) {
    // The kernel refuses a gateway that is not on the link.
    return [];
  }
  if (direct) {
    return [`ip route add ${peer.subnet} via ${peer.address} dev eth0`];
  }
  if (plan.backend !== "vxlan") return [];
  const device = vxlanDevice(plan);
  const [overlay, mac] = [firstAddress(peer), vtepMac(plan, peer)];
  return [
    `ip neighbour replace ${overlay} lladdr ${mac} dev ${device} nud permanent`,
    `bridge fdb replace ${mac} dev ${device} dst ${peer.address} self permanent`,
    `ip route add ${peer.subnet} via ${overlay} dev ${device} onlink`,
  ];
}

function firstAddress(host: LabNode): string {
  return (host.subnet ?? "").split("/")[0] ?? "";
}
