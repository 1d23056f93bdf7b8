import { leaseLine } from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue } from "../sources.ts";
import { type Cidr, tryParseCidr } from "../../flannel/cidr.ts";
import type { Lease } from "../../flannel/lease.ts";

/** Two leases that share addresses, the one that begins first in front. */
interface Overlap {
  readonly first: Lease;
  readonly second: Lease;
}

/** FD208: leases share addresses. */
export const LEASE_OVERLAP: Check = defineCheck({
  code: "FD208",
  name: "lease-overlap",
  severity: "error",
  needs: ["leases", "settings"],
  after: ["FD201"],
  applies: unlessEtcd,
  judge({ leases, settings }) {
    const overlaps = [...findOverlaps(leases, 4), ...findOverlaps(leases, 6)];
    return groupFindings(overlaps, ({ first, second }): Finding => ({
      subject: `${first.key} ${second.key}`,
      arguments: {
        first: first.key,
        firstIP: first.attributes.publicIP,
        second: second.key,
        secondIP: second.attributes.publicIP,
      },
      evidence: [first, second].map((lease) => ({
        label: "lease",
        text: leaseLine(settings, lease),
      })),
      commands: [],
    }), (all): Finding => ({
      subject: all[0]!.first.key,
      variant: "many",
      arguments: { count: all.length },
      evidence: all.slice(0, 3).flatMap(({ first, second }) =>
        [first, second].map((lease) => ({
          label: "lease",
          text: leaseLine(settings, lease),
        }))
      ),
      commands: [],
    }));
  },
  text: {
    en: {
      title: "Leases overlap",
      messages: {
        default:
          "The leases {first} ({firstIP}) and {second} ({secondIP}) share addresses: packets for the shared ones go to whichever route is more specific.",
        many:
          "{count} pairs of leases share addresses: packets for the shared ones go to whichever route is more specific.",
      },
      meaning:
        "flannel never gives out a subnet that overlaps another lease, but it does not check leases that are there: leases of two lengths, left by a change of SubnetLen, or a reservation written by hand, may lie inside each other. Every host then has two routes that compete.",
      symptoms:
        "Containers of one host cannot be reached, or answer in place of another host's. It begins when the second host joins.",
      repair:
        `Find out which host should move. On that host stop flanneld, remove subnet.env, and let it take another subnet:
  systemctl stop flanneld
  etcdctl rm /coreos.com/network/subnets/ITS-OWN-KEY
  rm /run/flannel/subnet.env
  systemctl start flanneld && systemctl restart docker
A reservation nobody uses is deleted with etcdctl rm.`,
      skips: SKIPS.en,
    },
    zh: {
      title: "租约互相重叠",
      messages: {
        default:
          "租约 {first}（{firstIP}）与 {second}（{secondIP}）有重叠的地址，发往重叠部分的报文走前缀更长的那条路由。",
        many:
          "有 {count} 对租约互相重叠，发往重叠部分的报文走前缀更长的那条路由。",
      },
      meaning:
        "flannel 分配子网时不会与已有租约重叠，但不检查已经存在的租约：修改 SubnetLen 之后遗留的不同长度的租约，或者手工写入的保留租约，可能一个套着另一个。这样每台主机上都有两条互相竞争的路由。",
      symptoms:
        "某台主机的容器访问不到，或者由另一台主机的容器代为应答；从第二台主机加入时开始。",
      repair:
        `确定由哪台主机让出子网。在那台主机上停止 flanneld，删除 subnet.env，让它重新申请：
  systemctl stop flanneld
  etcdctl rm /coreos.com/network/subnets/它自己的键
  rm /run/flannel/subnet.env
  systemctl start flanneld && systemctl restart docker
没有主机使用的保留租约用 etcdctl rm 删除。`,
      skips: SKIPS.zh,
    },
  },
  sources: [flannelIssue(1289), flannelIssue(598)],
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
