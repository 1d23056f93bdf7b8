import { leaseLine } from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { flannelIssue, flannelPull, githubIssue } from "../sources.ts";
import { containsAddress, parseCidr } from "../../flannel/cidr.ts";
import type { Lease } from "../../flannel/lease.ts";
import type { Known } from "../../snapshot/facts.ts";

type Needs = "leases" | "node" | "settings";

/** Addresses that mean the host itself, or nobody: RFC 1122, RFC 3927. */
const NOWHERE = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16"].map(parseCidr);

/** What VirtualBox gives the first guest of its NAT, every guest alike. */
const VIRTUALBOX_NAT = "10.0.2.15";
const VIRTUALBOX_NETWORK = parseCidr("10.0.2.0/24");

/** FD209: several leases, or all hosts, have one public IP. */
export const PUBLIC_IP_SHARED: Check = defineCheck<Needs>({
  code: "FD209",
  name: "public-ip-shared",
  severity: "error",
  needs: ["leases", "node", "settings"],
  after: ["FD201"],
  judge(facts) {
    return [...sharedFindings(facts), ...ownFindings(facts)];
  },
  text: {
    en: {
      title: "One public IP for several subnets",
      messages: {
        shared:
          "{count} leases carry the public IP {publicIP}: {subnets}. One host cannot serve more than one of them.",
        "shared-many":
          "{count} public IPs are each carried by more than one lease.",
        nowhere:
          "This host's public IP is {publicIP}, an address other hosts cannot reach.",
        virtualbox:
          "This host's public IP is {publicIP}, which VirtualBox gives to every guest behind its NAT; the other hosts ({peers}) are elsewhere.",
      },
      meaning:
        "The public IP in a lease is where the other hosts send packets for that subnet. flannel also finds its own lease by it: two hosts that publish one address take one and the same lease, one subnet, and each overwrites the other's entry. Without --iface flannel publishes the first address of the interface with the default route.",
      symptoms:
        "All nodes look well, but traffic between hosts is dead or goes to the wrong one. Typical of virtual machines whose first interface is a NAT with 10.0.2.15 for all, of cloned images, and of a subnet left over from a former SubnetLen.",
      repair:
        `Tell flanneld the interface that the other hosts can reach, then restart it and Docker:
  ip -4 address
  flanneld --iface=eth1 …        (or FLANNELD_IFACE=eth1 in its environment)
  systemctl restart flanneld && systemctl restart docker
Where two leases carry the address of one host, the one that its subnet.env does not name is left over: delete it, or wait until it ends.`,
    },
    zh: {
      title: "多个子网共用一个公共 IP",
      messages: {
        shared:
          "有 {count} 条租约的公共 IP 都是 {publicIP}：{subnets}。一台主机只能使用其中一个。",
        "shared-many": "有 {count} 个公共 IP 各自出现在多条租约中。",
        nowhere: "本机的公共 IP 是 {publicIP}，其他主机无法到达这个地址。",
        virtualbox:
          "本机的公共 IP 是 {publicIP}，这是 VirtualBox 给 NAT 后每台虚拟机的相同地址，而其他主机（{peers}）在别的网络。",
      },
      meaning:
        "租约中的公共 IP 决定其他主机把发往该子网的报文送到哪里，flannel 也靠它认出自己的租约：两台主机公布同一个地址，就会取得同一条租约、同一个子网，并互相覆盖。没有指定 --iface 时，flannel 公布默认路由所在网卡的第一个地址。",
      symptoms:
        "各节点看起来都正常，跨主机流量却不通或送错主机。常见于第一块网卡是 NAT、地址都是 10.0.2.15 的虚拟机，克隆出来的镜像，以及修改 SubnetLen 之后遗留的子网。",
      repair:
        `告诉 flanneld 使用其他主机可达的网卡，然后重启 flanneld 和 Docker：
  ip -4 address
  flanneld --iface=eth1 …        （或在环境变量中设置 FLANNELD_IFACE=eth1）
  systemctl restart flanneld && systemctl restart docker
如果一台主机的地址出现在两条租约中，subnet.env 没有提到的那一条是遗留的：可以删除，也可以等它到期。`,
    },
  },
  sources: [
    flannelIssue(98),
    flannelPull(764),
    flannelIssue(871),
    githubIssue("coreos/bugs", 2223),
  ],
});

function sharedFindings({ leases, settings }: Known<Needs>): Finding[] {
  const byAddress = new Map<string, Lease[]>();
  for (const lease of leases) {
    const { publicIP, publicIPv6 } = lease.attributes;
    // Hosts without IPv4 all publish 0.0.0.0.
    const address = publicIP === "0.0.0.0" ? publicIPv6 : publicIP;
    if (address === null) continue;
    byAddress.set(address, [...byAddress.get(address) ?? [], lease]);
  }
  const shared = [...byAddress].filter(([, group]) => group.length > 1);
  const line = (lease: Lease) => ({
    label: "lease",
    text: leaseLine(settings, lease),
  });
  return groupFindings(shared, ([publicIP, group]): Finding => ({
    subject: publicIP,
    variant: "shared",
    severity: "warning",
    arguments: {
      publicIP,
      count: group.length,
      subnets: group.map((lease) => lease.subnet ?? lease.key),
    },
    evidence: group.slice(0, 5).map(line),
    commands: [],
  }), (all): Finding => ({
    subject: all[0]![0],
    variant: "shared-many",
    severity: "warning",
    arguments: { count: all.length },
    evidence: all.slice(0, 3).flatMap(([, group]) =>
      group.slice(0, 2).map(line)
    ),
    commands: [],
  }));
}

function ownFindings({ leases, node, settings }: Known<Needs>): Finding[] {
  const { lease } = node;
  const publicIP = lease?.attributes.publicIP ?? node.publicIP;
  if (publicIP === null) return [];
  if (publicIP === "0.0.0.0" && lease?.subnet === null) return [];
  const evidence = lease === null
    ? [{ label: "address", text: publicIP }]
    : [{ label: "lease", text: leaseLine(settings, lease) }];
  const common = { subject: publicIP, evidence, commands: ["ip -4 address"] };
  if (NOWHERE.some((block) => containsAddress(block, publicIP))) {
    return [{ ...common, variant: "nowhere", arguments: { publicIP } }];
  }
  const peers = leases.filter((other) => other.key !== lease?.key)
    .map((other) => other.attributes.publicIP);
  // A real 10.0.2.0/24 has its other hosts in it too.
  const elsewhere = peers.length > 0 &&
    peers.every((ip) => !containsAddress(VIRTUALBOX_NETWORK, ip));
  if (publicIP !== VIRTUALBOX_NAT || !elsewhere) return [];
  return [{
    ...common,
    variant: "virtualbox",
    severity: "warning",
    arguments: { publicIP, peers: peers.slice(0, 3) },
  }];
}
