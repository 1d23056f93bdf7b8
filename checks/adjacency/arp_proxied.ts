import type { LocalNode } from "../../flannel/expected_types.ts";
import { defineCheck, type Evidence, type Finding } from "../check.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import {
  type DirectPeer,
  directPeers,
  NO_DIRECT_PEERS,
  unlessDirectPeers,
} from "./direct_peers.ts";
import {
  fabricOf,
  type Passage,
  passageBy,
  type Proxied,
  proxiedPeers,
} from "./proxied.ts";
import { vxlanCommands } from "./vxlan_config.ts";

/** ARP answers shown; that they are all alike is the point. */
const SHOWN_ANSWERS = 4;

/** Routes listed; a cloud's route table holds no more by default. */
const SHOWN_ROUTES = 200;

function answerLines(group: Proxied): Evidence[] {
  return group.addresses.slice(0, SHOWN_ANSWERS).map((address) => ({
    label: "answer",
    text: `ARP, Reply ${address} is-at ${group.mac}`,
  }));
}

/** What the cloud's own route table needs, the own subnet included. */
function fabricRoutes(
  peers: readonly DirectPeer[],
  node: LocalNode,
  withOwn: boolean,
): string[] {
  const own = node.lease?.subnet ?? null;
  const routes = peers.map((peer) => `${peer.subnet} via ${peer.address}`);
  return withOwn && own !== null && node.publicIP !== null
    ? [`${own} via ${node.publicIP}`, ...routes]
    : routes;
}

interface Judgement {
  readonly group: Proxied;
  readonly blocked: readonly DirectPeer[];
  readonly variant: "default" | "cloud" | "partly" | "unproved";
}

/** Null where container packets pass: then somebody has added the routes. */
function judgeGroup(
  group: Proxied,
  passage: (peer: DirectPeer) => Passage,
): Judgement | null {
  const by = (wanted: Passage) =>
    group.peers.filter((peer) => passage(peer) === wanted);
  const blocked = by("blocked");
  if (blocked.length > 0) {
    const whole = by("passed").length === 0;
    const variant = !whole
      ? "partly"
      : fabricOf(group.mac)
      ? "cloud"
      : "default";
    return { group, blocked, variant };
  }
  return by("passed").length > 0
    ? null
    : { group, blocked: group.peers, variant: "unproved" };
}

/** FD502: every ARP request is answered, by one MAC: there is no layer 2. */
export const ARP_PROXIED = defineCheck({
  code: "FD502",
  name: "arp-proxied",
  severity: "error",
  needs: [
    "arp",
    "forwarding",
    "expected",
    "node",
    "settings",
    "configRecord",
    "config",
  ],
  after: [...STATE_CAUSES, "FD204", "FD406"],
  applies: unlessDirectPeers,
  judge(facts) {
    const { arp, expected, node } = facts;
    const passage = passageBy(facts.forwarding);
    // A Kubernetes node has no bridge to answer before its first pod.
    const mayBePodless = facts.settings.store.value === "kubernetes";
    return proxiedPeers(arp, directPeers(expected, node)).flatMap((group) => {
      const judgement = judgeGroup(group, passage);
      if (judgement === null) return [];
      const { blocked, variant } = judgement;
      const routes = fabricRoutes(blocked, node, variant !== "partly");
      const finding: Finding = {
        subject: group.mac,
        variant,
        arguments: {
          mac: group.mac,
          fabric: fabricOf(group.mac) ?? "",
          device: arp.device,
          count: group.addresses.length,
          blocked: blocked.length,
          total: group.peers.length,
          routes,
        },
        evidence: [
          ...answerLines(group),
          ...routes.slice(0, SHOWN_ROUTES).map((text) => ({
            label: "route",
            text,
          })),
        ],
        commands: vxlanCommands(facts),
        ...(variant === "unproved" || mayBePodless
          ? { severity: "warning" }
          : {}),
      };
      return [finding];
    });
  },
  text: {
    en: {
      title: "No real layer 2: one MAC answers for everybody",
      messages: {
        default:
          "{device} gets an answer to every ARP request, all from {mac}: {count} addresses, one MAC. This network forwards by IP address and does not know the containers' addresses, so host-gw (or DirectRouting) cannot work on it though ARP and routes look right. Two ways out: a route for each subnet in the network's own route table (the routes listed here), or the vxlan backend (the commands below).",
        cloud:
          "{device} gets an answer to every ARP request, all from {mac}, with which {fabric} answers for {count} addresses. The cloud's network forwards by IP address and does not know the containers' addresses, so host-gw (or DirectRouting) cannot work on it though ARP and routes look right. Two ways out: a route for each subnet in the cloud's own route table (the routes listed here), or the vxlan backend (the commands below).",
        partly:
          "{mac} answers ARP for {count} addresses on {device}: this network forwards by IP address. It knows the subnets of some peers; for {blocked} of {total} it does not, and drops what containers send there. Its own route table needs the routes listed here, or the network the vxlan backend (the commands below).",
        unproved:
          "{mac} answers ARP for {count} addresses on {device}, as in a cloud that forwards by IP address, where host-gw needs a route for each subnet in the cloud's own route table (listed here). Whether packets pass could not be seen: the peers answer no echo request.",
      },
      meaning:
        "host-gw puts a container's packet, its address unchanged, into a frame for the peer's MAC and trusts the network to deliver by MAC. Most clouds have no such layer 2: a virtual router answers every ARP request with a MAC of its own and delivers by destination address, and drops addresses it has no route for. ARP, `ip route` and pings between the hosts all look right. flandoc therefore sends an echo request from the own bridge address to each peer's bridge address; where it passes, somebody has added the routes and nothing is reported.",
      symptoms:
        "Routes are there, hosts ping each other, containers of different hosts do not. `ip neigh` shows one MAC for all peers and often for the gateway as well: ee:ff:ff:ff:ff:ff on Alibaba Cloud, 12:34:56:78:9a:bc on Azure, 42:01:… on Google Cloud.",
      repair:
        `Way 1, keep host-gw: in the route table of the cloud's VPC add one entry a host, destination the host's subnet, next hop that host's instance. The finding lists them as "SUBNET via PUBLIC IP". Every new host needs its entry, and the whole VPC can then reach the containers (use security groups). AWS also wants the source/destination check off, Google Cloud can-ip-forward, Azure IP forwarding on each interface.
  aliyun vpc CreateRouteEntry --RouteTableId vtb-… --DestinationCidrBlock 172.7.22.0/24 --NextHopType Instance --NextHopId i-…
  gcloud compute routes create flannel-172-7-22-0 --destination-range 172.7.22.0/24 --next-hop-address 192.168.1.11
Way 2, vxlan: container packets travel inside UDP between the hosts' own addresses, at 50 bytes a packet. Change the config, then restart flanneld on every host, and Docker too, whose MTU changes:
  etcdctl set /coreos.com/network/config '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan"}}'
UDP port 8472 has to be open between the hosts.`,
      skips: NO_DIRECT_PEERS.en,
    },
    zh: {
      title: "没有真正的二层：所有地址都由同一个 MAC 应答",
      messages: {
        default:
          "{device} 上的 ARP 请求有问必答，但应答全部来自 {mac}：{count} 个地址，同一个 MAC。这个网络按 IP 地址转发，而它不认识容器的地址，所以尽管 ARP 和路由看起来都正常，host-gw（或 DirectRouting）在这里也无法工作。两个办法：在该网络自己的路由表中为每个子网添加一条路由（如下所列）；或者改用 vxlan 模式（命令见下）。",
        cloud:
          "{device} 上的 ARP 请求有问必答，但应答全部来自 {mac}，这是 {fabric} 代替 {count} 个地址应答时使用的 MAC。云上网络按 IP 地址转发，而它不认识容器的地址，所以尽管 ARP 和路由看起来都正常，host-gw（或 DirectRouting）在这里也无法工作。两个办法：在云平台自己的路由表中为每个子网添加一条路由（如下所列）；或者改用 vxlan 模式（命令见下）。",
        partly:
          "{device} 上有 {count} 个地址都由 {mac} 应答 ARP：这个网络按 IP 地址转发。它认识一部分对端的子网，但 {total} 个对端中有 {blocked} 个的子网它不认识，发往这些子网的容器报文会被丢弃。请在该网络自己的路由表中补上下列路由，或者改用 vxlan 模式（命令见下）。",
        unproved:
          "{device} 上有 {count} 个地址都由 {mac} 应答 ARP，与按 IP 地址转发的云上网络一样；在那种网络里，host-gw 需要在云平台自己的路由表中为每个子网添加路由（如下所列）。对端不应答 ICMP 回显请求，因此无法确认报文能否通过。",
      },
      meaning:
        "host-gw 不改动容器报文的地址，只是把它装进目的 MAC 为对端主机的帧里，指望网络按 MAC 送达。多数公有云并没有这样的二层：虚拟路由器用自己的 MAC 应答一切 ARP 请求，再按目的 IP 转发，没有路由的地址一律丢弃。于是 ARP、`ip route`、主机互 ping 全都正常。所以 flandoc 会从本机网桥地址向每个对端的网桥地址发送回显请求；如果能通，说明已经有人添加了路由，就不会报告问题。",
      symptoms:
        "路由条目都在，主机之间能 ping 通，跨主机的容器却不通。`ip neigh` 里所有对端（往往还有网关）都是同一个 MAC：阿里云是 ee:ff:ff:ff:ff:ff，Azure 是 12:34:56:78:9a:bc，Google Cloud 是 42:01: 开头。",
      repair:
        `办法一，继续用 host-gw：在云平台 VPC 的路由表里为每台主机添加一条路由，目标网段是该主机的子网，下一跳是该主机的实例。报告中以“子网 via PublicIP”的形式列出了全部条目。以后每增加一台主机都要添加一条，而且路由表对整个 VPC 生效，VPC 内的机器都能访问容器（需要用安全组限制）。AWS 还要关闭源/目的地址检查，Google Cloud 要打开 can-ip-forward，Azure 要在每块网卡上打开 IP 转发。
  aliyun vpc CreateRouteEntry --RouteTableId vtb-… --DestinationCidrBlock 172.7.22.0/24 --NextHopType Instance --NextHopId i-…
  gcloud compute routes create flannel-172-7-22-0 --destination-range 172.7.22.0/24 --next-hop-address 192.168.1.11
办法二，改用 vxlan：容器报文封装在主机地址之间的 UDP 里传输，每个报文多 50 字节。修改配置，然后重启所有主机上的 flanneld，由于 MTU 变化，Docker 也要重启：
  etcdctl set /coreos.com/network/config '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan"}}'
主机之间要放行 UDP 8472 端口。`,
      skips: NO_DIRECT_PEERS.zh,
    },
  },
  sources: [
    flannelIssue(506),
    flannelIssue(698),
    flannelIssue(1431),
    githubIssue("microsoft/demikernel", 1391),
    githubIssue("Azure/azure-container-networking", 144),
    "https://github.com/projectcalico/bird/pull/2",
    "https://www.rfc-editor.org/rfc/rfc1027",
  ],
});
