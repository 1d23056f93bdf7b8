import { TTL_NOT_ASKED } from "../../flannel/lease.ts";
import { routeDecider } from "../../flannel/route_decision.ts";
import type { ArpFacts } from "../../snapshot/facts.ts";
import { defineCheck, type Finding } from "../check.ts";
import { formatDuration } from "../duration.ts";
import { groupFindings } from "../group_findings.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue } from "../sources.ts";
import {
  adjacentPeers,
  type DirectPeer,
  NO_DIRECT_PEERS,
  unlessDirectPeers,
} from "./direct_peers.ts";

/** Silent peers shown as evidence of a grouped finding. */
const SHOWN = 5;

function evidenceOf(peer: DirectPeer) {
  return [
    { label: "route", text: `${peer.subnet} via ${peer.address}` },
  ];
}

function arping(device: string, address: string): string {
  return `arping -c 3 -I ${device} ${address}`;
}

function silentPeer(peer: DirectPeer, arp: ArpFacts, margin: number): Finding {
  // TTLs that were not asked for are not among those that end first.
  const isGone = peer.ttl !== null && peer.ttl !== TTL_NOT_ASKED &&
    peer.ttl < margin;
  return {
    subject: peer.address,
    variant: isGone ? "gone" : "default",
    arguments: {
      address: peer.address,
      subnet: peer.subnet,
      device: arp.device,
      left: isGone ? formatDuration(peer.ttl) : "",
    },
    evidence: evidenceOf(peer),
    commands: [arping(arp.device, peer.address)],
    ...(isGone ? { severity: "warning" } : {}),
  };
}

function silentPeers(
  variant: "many" | "segment",
  peers: readonly DirectPeer[],
  arp: ArpFacts,
  total: number,
): Finding {
  return {
    subject: arp.device,
    variant,
    arguments: {
      device: arp.device,
      count: peers.length,
      total,
      asked: arp.answers.length,
      addresses: peers.map((peer) => peer.address),
    },
    evidence: peers.slice(0, SHOWN).flatMap(evidenceOf),
    commands: variant === "segment"
      ? [
        `ip -s link show dev ${arp.device}`,
        `tcpdump -c 10 -eni ${arp.device} arp`,
      ]
      : peers.slice(0, 1).map((peer) => arping(arp.device, peer.address)),
  };
}

/** FD501: a next hop that answers no ARP request. */
export const PEER_SILENT = defineCheck({
  code: "FD501",
  name: "peer-silent",
  severity: "error",
  needs: ["arp", "expected", "node", "routes", "rules", "settings"],
  after: [...STATE_CAUSES, "FD406"],
  applies: unlessDirectPeers,
  judge({ arp, expected, node, routes, rules, settings }) {
    const asked = new Map(arp.answers.map((a) => [a.address, a]));
    const peers = adjacentPeers(expected, node, routeDecider(routes, rules))
      .filter((peer) => asked.has(peer.address));
    const silent = peers.filter((peer) =>
      asked.get(peer.address)!.macs.length === 0
    );
    const nobody = arp.answers.every((answer) => answer.macs.length === 0);
    if (silent.length > 0 && nobody && arp.answers.length > 1) {
      return [silentPeers("segment", silent, arp, peers.length)];
    }
    const margin = settings.subnetLeaseRenewMargin.value * 60;
    return groupFindings(
      silent,
      (peer) => silentPeer(peer, arp, margin),
      (all) => silentPeers("many", all, arp, peers.length),
    );
  },
  text: {
    en: {
      title: "Peer does not answer ARP",
      messages: {
        default:
          "{address}, the next hop of {subnet}, does not answer ARP on {device}: what containers here send to {subnet} is lost.",
        gone:
          "{address}, the next hop of {subnet}, does not answer ARP on {device}, and its lease was not renewed in time and ends in {left}: that host is most likely down.",
        many:
          "{count} of {total} peers do not answer ARP on {device}: what containers here send to their subnets is lost.",
        segment:
          "Nothing answers ARP on {device}, {asked} addresses asked: this host's own link is at fault, not the peers.",
      },
      meaning:
        "With host-gw, and with DirectRouting, a peer's public IP is the next hop of its subnet, so it has to answer ARP on the external interface. A lease outlives its host by up to 24 hours, and until then every other host keeps a route to it. flandoc asks each next hop and the default gateway once or more; when not even the gateway answers, the cause is near: cable, VLAN, switch port, virtual switch, or an arptables rule.",
      symptoms:
        "Containers of one host are unreachable from everywhere (the host is down), or all of them are unreachable from here. `ip neigh` shows FAILED or INCOMPLETE for the next hop.",
      repair: `Look whether the host is up and in the same segment:
  arping -c 3 -I eth0 192.168.1.11
  ip neigh show 192.168.1.11
If the host is gone for good, its lease ends by itself within 24 hours and flanneld removes the routes. If nothing answers, look at the link of this host:
  ip -s link show dev eth0
  tcpdump -c 10 -eni eth0 arp`,
      skips: NO_DIRECT_PEERS.en,
    },
    zh: {
      title: "对端不应答 ARP",
      messages: {
        default:
          "{subnet} 的下一跳 {address} 在 {device} 上不应答 ARP：本机容器发往 {subnet} 的报文全部丢失。",
        gone:
          "{subnet} 的下一跳 {address} 在 {device} 上不应答 ARP，它的租约也没有按时续期，再过 {left} 就到期：那台主机很可能已经宕机。",
        many:
          "{total} 个对端中有 {count} 个在 {device} 上不应答 ARP：本机容器发往这些子网的报文全部丢失。",
        segment:
          "在 {device} 上询问了 {asked} 个地址，没有一个应答 ARP：问题出在本机自己的链路，而不是对端。",
      },
      meaning:
        "在 host-gw 模式（以及 vxlan 的 DirectRouting）下，对端的公共 IP 就是其子网的下一跳，所以必须在外部网卡上应答 ARP。主机下线后租约最多还会保留 24 小时，在此之前其他主机都留着指向它的路由。flandoc 会逐个询问下一跳和默认网关；如果连网关都不应答，原因就在近处：网线、VLAN、交换机端口、虚拟交换机，或者 arptables 规则。",
      symptoms:
        "某一台主机上的容器从哪里都访问不到（该主机已宕机），或者从本机访问不到任何其他主机的容器。`ip neigh` 中该下一跳为 FAILED 或 INCOMPLETE。",
      repair: `检查对端主机是否在线、是否在同一网段：
  arping -c 3 -I eth0 192.168.1.11
  ip neigh show 192.168.1.11
如果该主机已经永久下线，租约会在 24 小时内自动到期，flanneld 随后删除路由。如果谁都不应答，请检查本机链路：
  ip -s link show dev eth0
  tcpdump -c 10 -eni eth0 arp`,
      skips: NO_DIRECT_PEERS.zh,
    },
  },
  sources: [
    "https://www.rfc-editor.org/rfc/rfc826",
    flannelIssue(533),
    flannelIssue(654),
  ],
});
