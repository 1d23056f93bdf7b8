import { leaseLine } from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { nodeColumns } from "./node_columns.ts";
import { type Cidr, tryParseCidr } from "../../flannel/cidr.ts";
import type { Lease } from "../../flannel/lease.ts";

/** Two leases that share addresses, the one that begins first in front. */
interface Overlap {
  readonly first: Lease;
  readonly second: Lease;
}

/** Whether two leases name one and the same subnet of some family. */
function isDouble({ first, second }: Overlap): boolean {
  return (first.subnet !== null && first.subnet === second.subnet) ||
    (first.ipv6Subnet !== null && first.ipv6Subnet === second.ipv6Subnet);
}

/** Pairs of leases, once each where they overlap in both families. */
function overlapsOf(leases: readonly Lease[]): Overlap[] {
  const four = findOverlaps(leases, 4);
  const six = findOverlaps(leases, 6).filter(({ first, second }) =>
    !four.some((pair) =>
      [pair.first, pair.second].includes(first) &&
      [pair.first, pair.second].includes(second)
    )
  );
  return [...four, ...six];
}

/** FD208: leases share addresses. */
export const LEASE_OVERLAP: Check = defineCheck({
  code: "FD208",
  name: "lease-overlap",
  severity: "error",
  needs: ["leases", "settings"],
  after: ["FD201"],
  judge({ leases, settings }) {
    const isKubernetes = settings.store.value === "kubernetes";
    const commands = isKubernetes
      ? [nodeColumns(settings, "CIDRS", "CREATED", "PUBLIC-IP")]
      : [];
    const evidence = ({ first, second }: Overlap) =>
      [first, second].map((lease) => ({
        label: "lease",
        text: leaseLine(settings, lease),
      }));
    return groupFindings(overlapsOf(leases), (overlap): Finding => {
      const { first, second } = overlap;
      const keys = [...new Set([first.key, second.key])];
      return {
        subject: keys.join(" "),
        variant: `${isDouble(overlap) ? "double" : "default"}${
          isKubernetes ? "-node" : ""
        }`,
        arguments: {
          first: first.key,
          firstIP: first.attributes.publicIP,
          second: second.key,
          secondIP: second.attributes.publicIP,
          subnet: second.subnet ?? second.ipv6Subnet ?? "",
        },
        evidence: evidence(overlap),
        commands,
      };
    }, (all): Finding => ({
      subject: all[0]!.first.key,
      variant: isKubernetes ? "many-nodes" : "many",
      arguments: { count: all.length },
      evidence: all.slice(0, 3).flatMap(evidence),
      commands,
    }));
  },
  text: {
    en: {
      title: "Leases overlap",
      messages: {
        default:
          "The leases {first} ({firstIP}) and {second} ({secondIP}) share addresses: packets for the shared ones go to whichever route is more specific.",
        double:
          "The leases {first} ({firstIP}) and {second} ({secondIP}) are both for {subnet}: each host sends to the one it heard of last, and the containers of the other cannot be reached.",
        many:
          "{count} pairs of leases share addresses: packets for the shared ones go to whichever route is more specific, or was written last.",
        "default-node":
          "The pod CIDRs {first} ({firstIP}) and {second} ({secondIP}) of two nodes share addresses: packets for the shared ones go to whichever route is more specific.",
        "double-node":
          "Two nodes, {firstIP} and {secondIP}, have one pod CIDR, {subnet}: each node sends to the one it heard of last, and the pods of the other cannot be reached.",
        "many-nodes":
          "{count} pairs of nodes have pod CIDRs that share addresses: packets for the shared ones go to whichever route is more specific, or was written last.",
      },
      meaning:
        "flannel never gives out a subnet that overlaps another lease, but it does not check leases that are there: leases of two lengths, left by a change of SubnetLen, or a reservation written by hand, may lie inside each other. Every host then has two routes that compete. In Kubernetes flannel gives out nothing: the subnet is the node's pod CIDR, and two nodes get the same from a controller that was restarted, from two controllers beside each other, or by hand. The kernel has room for one route and one neighbour entry of a subnet, so one of the two nodes is cut off, not the same one everywhere; where one node is deleted, flannel takes the other's route away as well. Of such a subnet flandoc says no more than this, and whether one of the hosts is reached at all.",
      symptoms:
        "Containers of one host cannot be reached, or answer in place of another host's. It begins when the second host joins.",
      repair:
        `Find out which host should move. On that host stop flanneld, remove subnet.env, and let it take another subnet:
  systemctl stop flanneld
  etcdctl rm /coreos.com/network/subnets/ITS-OWN-KEY
  rm /run/flannel/subnet.env
  systemctl start flanneld && systemctl restart docker
A reservation nobody uses is deleted with etcdctl rm.
A Kubernetes node keeps its pod CIDR for ever: the younger of the two has to be registered anew. Delete cni0 on it, and restart flannel on the others, which took the route away:
  kubectl drain NODE --ignore-daemonsets && kubectl delete node NODE
  ip link delete cni0; systemctl restart kubelet          # on that node
  kubectl -n kube-flannel rollout restart daemonset kube-flannel-ds`,
    },
    zh: {
      title: "租约互相重叠",
      messages: {
        default:
          "租约 {first}（{firstIP}）与 {second}（{secondIP}）有重叠的地址，发往重叠部分的报文走前缀更长的那条路由。",
        double:
          "租约 {first}（{firstIP}）与 {second}（{secondIP}）都是 {subnet} 的：每台主机都发往自己最后得知的那一台，另一台上的容器访问不到。",
        many:
          "有 {count} 对租约互相重叠，发往重叠部分的报文走前缀更长或者最后写入的那条路由。",
        "default-node":
          "两个节点的 Pod CIDR {first}（{firstIP}）与 {second}（{secondIP}）有重叠的地址，发往重叠部分的报文走前缀更长的那条路由。",
        "double-node":
          "两个节点 {firstIP} 和 {secondIP} 的 Pod CIDR 相同，都是 {subnet}：每个节点都发往自己最后得知的那一个，另一个上的 Pod 访问不到。",
        "many-nodes":
          "有 {count} 对节点的 Pod CIDR 互相重叠，发往重叠部分的报文走前缀更长或者最后写入的那条路由。",
      },
      meaning:
        "flannel 分配子网时不会与已有租约重叠，但不检查已经存在的租约：修改 SubnetLen 之后遗留的不同长度的租约，或者手工写入的保留租约，可能一个套着另一个。这样每台主机上都有两条互相竞争的路由。在 Kubernetes 中子网不由 flannel 分配，就是节点的 Pod CIDR；控制器重启、两个控制器并存或者手工修改，都可能让两个节点得到同一个。内核里一个子网只容得下一条路由和一条邻居表项，所以总有一个节点访问不到，而且各处不一定是同一个；删除其中一个节点时，flannel 会把另一个的路由也一并删掉。对这样的子网，flandoc 只报告这一点，以及究竟能否到达其中一台。",
      symptoms:
        "某台主机的容器访问不到，或者由另一台主机的容器代为应答；从第二台主机加入时开始。",
      repair:
        `确定由哪台主机让出子网。在那台主机上停止 flanneld，删除 subnet.env，让它重新申请：
  systemctl stop flanneld
  etcdctl rm /coreos.com/network/subnets/它自己的键
  rm /run/flannel/subnet.env
  systemctl start flanneld && systemctl restart docker
没有主机使用的保留租约用 etcdctl rm 删除。
Kubernetes 节点的 Pod CIDR 无法更改：要让两者中较新的那个节点重新注册。在该节点上删除 cni0，再重启其他节点上的 flannel，因为它们把路由删掉了：
  kubectl drain 节点 --ignore-daemonsets && kubectl delete node 节点
  ip link delete cni0; systemctl restart kubelet          # 在该节点上
  kubectl -n kube-flannel rollout restart daemonset kube-flannel-ds`,
    },
  },
  sources: [
    flannelIssue(1289),
    flannelIssue(598),
    flannelIssue(1549),
    githubIssue("kubernetes/kubernetes", 127792),
  ],
});

/**
 * Leases that overlap one that begins before them, in one pass over the sorted
 * list: the one that reaches farthest so far is who they overlap, if anyone.
 */
function findOverlaps(leases: readonly Lease[], family: 4 | 6): Overlap[] {
  const sorted = leases.flatMap((lease) => {
    const text = family === 4 ? lease.subnet : lease.ipv6Subnet;
    const cidr = text === null ? null : tryParseCidr(text);
    return cidr === null ? [] : [{ lease, cidr }];
  }).sort((a, b) => compare(a.cidr, b.cidr));
  const found: Overlap[] = [];
  let reach: (typeof sorted)[number] | undefined;
  for (const entry of sorted) {
    if (reach !== undefined && entry.cidr.start <= reach.cidr.end) {
      found.push({ first: reach.lease, second: entry.lease });
    }
    if (reach === undefined || entry.cidr.end > reach.cidr.end) reach = entry;
  }
  return found;
}

function compare(a: Cidr, b: Cidr): number {
  if (a.start !== b.start) return a.start < b.start ? -1 : 1;
  return a.prefixLength - b.prefixLength;
}
