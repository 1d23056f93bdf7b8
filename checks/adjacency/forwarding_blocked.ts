import { addressAt, parseCidr } from "../../flannel/cidr.ts";
import type { LocalNode } from "../../flannel/expected_types.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { Facts } from "../../snapshot/facts.ts";
import { defineCheck, type Evidence, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { STATE_CAUSES } from "../records.ts";
import { routeDiff } from "../routes/route_facts.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import {
  type DirectPeer,
  directPeers,
  NO_DIRECT_PEERS,
  unlessDirectPeers,
} from "./direct_peers.ts";
import { passageBy } from "./proxied.ts";
import { vxlanCommands } from "./vxlan_config.ts";

/** Peers shown as evidence of one finding for all. */
const SHOWN = 5;

/** Bridge address of a subnet: its first. */
function bridgeOf(subnet: string): string {
  return addressAt(parseCidr(subnet), 1);
}

function probeLines(
  peer: DirectPeer,
  source: string,
  node: LocalNode,
): Evidence[] {
  const own = node.address === null ? "" : `-I ${node.address} `;
  return [
    { label: "answer", text: `ping ${own}${peer.address}: 0% packet loss` },
    {
      label: "answer",
      text: `ping -I ${source} ${bridgeOf(peer.subnet)}: 100% packet loss`,
    },
  ];
}

/**
 * Why the probe proves nothing here: no direct peer answered in any way, as
 * where hosts drop echo requests. Silent hosts are FD501's.
 */
function unlessProbed(facts: Facts): string | undefined {
  const skip = unlessDirectPeers(facts);
  const forwarding = valueOf(facts.forwarding);
  const [expected, node] = [valueOf(facts.expected), valueOf(facts.node)];
  if (skip !== undefined || !forwarding || !expected || !node) return skip;
  const passage = passageBy(forwarding);
  const isProved = directPeers(expected, node)
    .some((peer) => passage(peer) !== "unproved");
  return isProved ? undefined : "unproved";
}

/** FD504: hosts reach each other, forwarded packets do not arrive. */
export const FORWARDING_BLOCKED = defineCheck({
  code: "FD504",
  name: "forwarding-blocked",
  severity: "error",
  needs: [
    "forwarding",
    "arp",
    "expected",
    "node",
    "routes",
    "rules",
    "settings",
    "configRecord",
    "config",
  ],
  after: [...STATE_CAUSES, "FD502", "FD405", "FD406"],
  applies: unlessProbed,
  judge(facts) {
    const { forwarding, arp, expected, node, settings } = facts;
    const { present, shadowed } = routeDiff(facts);
    const shadows = new Set(shadowed.map((shadow) => shadow.wanted));
    const routed = new Set(
      present.map((p) => p.wanted).filter((route) => !shadows.has(route)),
    );
    const doubtful = new Set(
      arp.answers.filter((a) => a.macs.length !== 1).map((a) => a.address),
    );
    // What other findings explain says nothing about the fabric.
    const peers = directPeers(expected, node).filter((peer) =>
      routed.has(peer.route) && !doubtful.has(peer.address)
    );
    const passage = passageBy(forwarding);
    const blocked = peers.filter((peer) => passage(peer) === "blocked");
    const passed = peers.some((peer) => passage(peer) === "passed");
    if (blocked.length === 0) return [];
    // A Kubernetes node has no bridge before its first pod.
    const kubernetes = settings.store.value === "kubernetes";
    const commands = vxlanCommands(facts);
    const all = (
      variant: "all" | "many" | "podless",
      severity: "error" | "warning",
    ): Finding => ({
      subject: forwarding.source,
      variant,
      arguments: {
        source: forwarding.source,
        own: node.lease?.subnet ?? "",
        device: node.device,
        count: blocked.length,
        total: peers.length,
        subnets: blocked.map((peer) => peer.subnet),
      },
      evidence: blocked.slice(0, SHOWN).flatMap((peer) =>
        probeLines(peer, forwarding.source, node)
      ),
      // Another backend for the whole network is nothing to try on a guess.
      commands: variant === "podless"
        ? [`tcpdump -ni ${node.device} icmp and src ${forwarding.source}`]
        : commands,
      severity,
    });
    if (!passed && blocked.length > 1) {
      return [kubernetes ? all("podless", "warning") : all("all", "error")];
    }
    const partly = kubernetes ? "warning" : "error";
    return groupFindings(
      blocked,
      (peer): Finding => ({
        subject: peer.subnet,
        arguments: {
          address: peer.address,
          bridge: bridgeOf(peer.subnet),
          subnet: peer.subnet,
          source: forwarding.source,
          device: node.device,
        },
        evidence: probeLines(peer, forwarding.source, node),
        commands: [
          `tcpdump -ni ${node.device} icmp and host ${bridgeOf(peer.subnet)}`,
        ],
        severity: partly,
      }),
      () => all(kubernetes ? "podless" : "many", partly),
    );
  },
  text: {
    en: {
      title: "The network drops forwarded container packets",
      messages: {
        default:
          "{address} answers, but its bridge {bridge} does not answer {source}: what carries container addresses between the two hosts is dropped on the way, or that host has no bridge for {subnet}.",
        all:
          "Every peer answers this host, and no peer's bridge answers {source}: the network between the hosts drops packets with container addresses ({count} of {total} peers).",
        many:
          "{count} of {total} peers answer this host while their bridges do not answer {source}: packets with container addresses are dropped on the way there.",
        podless:
          "{count} of {total} peers answer this host while their bridges do not answer {source}: either these nodes have no pod yet, and so no bridge, or packets with container addresses are dropped on the way there.",
      },
      meaning:
        "With host-gw container packets cross the underlay with the containers' own addresses. Many virtual networks let a port send and receive only its own address: OpenStack port security, the source/destination check of AWS, Azure without IP forwarding, Google Cloud without can-ip-forward, VMware's forged transmits. Hosts then reach each other in every way while containers do not. flandoc sends an echo request from the own bridge address to each peer's bridge address, and another one between the hosts' own addresses; only the difference counts.",
      symptoms:
        "Routes and ARP are right, ssh and ping between hosts work, container to container does not; with vxlan on the same hosts it would. A capture shows the packets leaving here and never arriving there.",
      repair:
        `See where they end: capture on both hosts' external interface while a container pings the other.
  tcpdump -ni eth0 icmp and net 172.7.0.0/16
Leaves here, never arrives there: allow container addresses on both ports.
  aws ec2 modify-instance-attribute --instance-id i-… --no-source-dest-check
  openstack port set --allowed-address ip-address=172.7.22.0/24 PORT
  az network nic update --ip-forwarding true --resource-group … --name …
Arrives there: look at that host's bridge, routes and firewall with flandoc. Or use vxlan, which needs nothing of the network but UDP port 8472.`,
      skips: {
        ...NO_DIRECT_PEERS.en,
        unproved:
          "no peer answered an echo request, neither host nor bridge, which proves nothing",
      },
    },
    zh: {
      title: "底层网络丢弃转发的容器报文",
      messages: {
        default:
          "主机 {address} 有应答，但它的网桥地址 {bridge} 不应答 {source}：两台主机之间带有容器地址的报文在途中被丢弃，或者那台主机上没有 {subnet} 的网桥。",
        all:
          "所有对端都应答本机，却没有一个对端的网桥应答 {source}：主机之间的网络丢弃带有容器地址的报文（{total} 个对端中的 {count} 个）。",
        many:
          "{total} 个对端中有 {count} 个应答本机，但它们的网桥不应答 {source}：带有容器地址的报文在途中被丢弃。",
        podless:
          "{total} 个对端中有 {count} 个应答本机，但它们的网桥不应答 {source}：要么这些节点上还没有 Pod，因而没有网桥，要么带有容器地址的报文在途中被丢弃。",
      },
      meaning:
        "host-gw 模式下，容器报文以容器自己的地址穿过底层网络。很多虚拟网络只允许端口收发自己的地址：OpenStack 的端口安全、AWS 的源/目的地址检查、未打开 IP 转发的 Azure、未打开 can-ip-forward 的 Google Cloud、VMware 的伪传输（forged transmits）限制。于是主机之间怎么都通，容器之间就是不通。flandoc 从本机网桥地址向每个对端的网桥地址发送回显请求，同时在主机地址之间也发送一次，只看两者的差别。",
      symptoms:
        "路由和 ARP 都正常，主机之间 ssh、ping 都通，容器之间不通；同样的主机换成 vxlan 就通。抓包能看到报文从本机发出，对端却始终收不到。",
      repair:
        `确认报文在哪里消失：让容器互 ping，同时在两台主机的外部网卡上抓包。
  tcpdump -ni eth0 icmp and net 172.7.0.0/16
本机发出而对端收不到：在两端的端口上放行容器地址。
  aws ec2 modify-instance-attribute --instance-id i-… --no-source-dest-check
  openstack port set --allowed-address ip-address=172.7.22.0/24 PORT
  az network nic update --ip-forwarding true --resource-group … --name …
对端已经收到：在对端主机上用 flandoc 检查网桥、路由和防火墙。也可以改用 vxlan，它只要求放行 UDP 8472 端口。`,
      skips: {
        ...NO_DIRECT_PEERS.zh,
        unproved: "没有对端应答回显请求（主机和网桥都没有），无法据此判断",
      },
    },
  },
  sources: [
    flannelIssue(506),
    flannelIssue(230),
    flannelIssue(447),
    flannelIssue(698),
    githubIssue("cloudnativelabs/kube-router", 854),
    githubIssue("kubernetes/cloud-provider-openstack", 2492),
  ],
});
