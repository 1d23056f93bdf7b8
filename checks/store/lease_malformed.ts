import {
  etcdctl,
  leaseKey,
  leaseLine,
  recordLine,
  subnetsKey,
} from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { oneLine } from "../one_line.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import type { Lease } from "../../flannel/lease.ts";
import { type LeaseProblem, parseLeases } from "../../flannel/parse_lease.ts";
import { unreachableBy } from "../../flannel/unreachable_lease.ts";
import type { Settings } from "../../snapshot/facts.ts";
import { nodeColumns } from "./node_columns.ts";

/** Leases shown of many. */
const SHOWN = 5;

function malformed(
  { record, part, message }: LeaseProblem,
  settings: Settings,
): Finding {
  const key = leaseKey(settings, record.key);
  return {
    subject: oneLine(key),
    variant: part,
    arguments: { key: oneLine(key) },
    evidence: [
      { label: "lease", text: recordLine(settings, record) },
      { label: "found", text: oneLine(message) },
    ],
    commands: [
      etcdctl(settings, "get", key),
      // A lease whose text is broken still belongs to a host, which
      // writes it again; only what names no subnet is nobody's. A key
      // that a terminal cannot show is not for copy and paste.
      ...(part === "key" && /^[\x20-\x7e]+$/.test(record.key)
        ? [deletion(settings, record.key)]
        : []),
    ],
  };
}

/** Where a person looks at a lease, in either store. */
function look(settings: Settings, lease: Lease): string {
  return settings.store.value === "kubernetes"
    ? nodeColumns(settings, "CIDRS", "PUBLIC-IP", "BACKEND-DATA")
    : etcdctl(settings, "get", leaseKey(settings, lease.key));
}

/** A lease that can be read, and that nobody can send by. */
function unreachable(lease: Lease, settings: Settings): Finding {
  const { publicIP, publicIPv6 } = lease.attributes;
  return {
    subject: lease.key,
    variant: `no-${unreachableBy(lease)}`,
    arguments: {
      subnets: [lease.subnet, lease.ipv6Subnet].filter((s) => s !== null),
      addresses: [publicIP, publicIPv6].filter((a) => a !== null),
    },
    evidence: [{ label: "lease", text: leaseLine(settings, lease) }],
    commands: [look(settings, lease)],
  };
}

/** FD206: something below `subnets` is no lease, or one that is of no use. */
export const LEASE_MALFORMED: Check = defineCheck({
  code: "FD206",
  name: "lease-malformed",
  severity: "error",
  needs: ["leaseRecords", "settings"],
  after: ["FD201"],
  judge({ leaseRecords, settings }) {
    const { leases, problems } = parseLeases(leaseRecords);
    const key = subnetsKey(settings);
    return [
      ...groupFindings(
        problems,
        (problem) => malformed(problem, settings),
        (all) => ({
          subject: key,
          variant: "many",
          arguments: { count: all.length, key },
          evidence: all.slice(0, SHOWN).map(({ record }) => ({
            label: "lease",
            text: recordLine(settings, record),
          })),
          commands: [etcdctl(settings, "list", key)],
        }),
      ),
      ...groupFindings(
        leases.filter((lease) => unreachableBy(lease) !== null),
        (lease) => unreachable(lease, settings),
        (all) => ({
          subject: all[0]!.key,
          variant: "many-unreachable",
          arguments: { count: all.length },
          evidence: all.slice(0, SHOWN).map((lease) => ({
            label: "lease",
            text: leaseLine(settings, lease),
          })),
          commands: [look(settings, all[0]!)],
        }),
      ),
    ];
  },
  text: {
    en: {
      title: "A key among the leases is no lease, or of no use",
      messages: {
        key:
          "{key} is not the key of a subnet: flannel before v0.18 stops hearing of changes at it, later releases forget all their peers.",
        value:
          "The lease {key} has a value that flannel cannot read: hosts skip this peer, and some releases forget all their peers.",
        "no-address":
          "The lease of {subnets} says that its host is reached at {addresses}, which is no address of a host: no other host can send to its containers.",
        "no-mac":
          "The lease of {subnets} ({addresses}) names no MAC that a tunnel device can have: no other host can send to its containers.",
        "many-unreachable":
          "{count} leases name no address, or no MAC, that a host can have: no other host can send to their containers.",
        many:
          "{count} keys below {key} are no leases: some releases of flannel stop hearing of changes at them, others forget all their peers.",
      },
      meaning:
        "Every key below PREFIX/subnets must be a subnet such as 10.5.34.0-24 with a JSON value that has a PublicIP. flannel takes whatever is written there for a change of a lease. One stray key, written or deleted, is enough: v0.11 tries to read the same change for ever, v0.21.3 and newer take the failure for the removal of every peer, until each of these renews its lease. A lease can also be well written and of no use: with 0.0.0.0, a loopback or a multicast address nothing arrives, and for a broadcast, multicast or zero MAC the kernel refuses the FDB entry. flannel leaves such a peer out, or writes entries that lead nowhere.",
      symptoms:
        'All routes of a host vanish at once; "error parsing etcd event", "Watch of subnet leases failed because header revision != 0", "Ignoring bad subnet node" or a flood of "Watch subnets: …" in the log.',
      repair:
        `Look at the key. One that is no subnet can go. With the v3 API its deletion makes each flanneld from v0.21.3 on drop all its peers once more, so do it when flanneld can be restarted on every host right after:
  etcdctl get /coreos.com/network/subnets/KEY
  etcdctl rm /coreos.com/network/subnets/KEY
  systemctl restart flanneld
A key that is a subnet with a broken value belongs to a host: restart flanneld on that host, it writes the value again. The same helps a lease without a usable address or MAC; where it comes back, look at --public-ip and --iface there, or in Kubernetes at the node's annotations.`,
    },
    zh: {
      title: "租约目录下有不是租约的键，或无用的租约",
      messages: {
        key:
          "{key} 不是子网键：v0.18 之前的 flannel 会卡在它上面，收不到后续变化；之后的版本会因此忘掉所有对端。",
        value:
          "租约 {key} 的值 flannel 无法解析：各主机会跳过这个对端，某些版本还会忘掉所有对端。",
        "no-address":
          "{subnets} 的租约说其主机的地址是 {addresses}，而这不是主机可用的地址：其他主机都无法访问那里的容器。",
        "no-mac":
          "{subnets}（{addresses}）的租约里没有隧道设备可用的 MAC：其他主机都无法访问那里的容器。",
        "many-unreachable":
          "有 {count} 条租约里没有主机可用的地址或 MAC：其他主机都无法访问那些主机上的容器。",
        many:
          "{key} 下有 {count} 个键不是租约：某些版本的 flannel 会卡在上面，收不到后续变化，另一些版本会忘掉所有对端。",
      },
      meaning:
        "前缀/subnets 下的每个键都必须是形如 10.5.34.0-24 的子网，值是含有 PublicIP 的 JSON。flannel 把写在那里的任何内容都当作租约的变化。只要写入或删除一个不相干的键就足以出事：v0.11 会反复读取同一个变化；v0.21.3 及以后会把解析失败当成所有对端都被删除，直到对端各自续期才恢复。租约也可能写法正确却没有用处：地址是 0.0.0.0、回环或组播地址时报文无处可达；MAC 是广播、组播或全零时内核拒绝写入 FDB 表项。flannel 会略过这样的对端，或者写入无处可达的表项。",
      symptoms:
        "某台主机的路由突然全部消失；日志中出现 “error parsing etcd event”、“Watch of subnet leases failed because header revision != 0”、“Ignoring bad subnet node”，或大量 “Watch subnets: …”。",
      repair:
        `先看这个键。不是子网的键可以删除。使用 v3 API 时，删除动作会使 v0.21.3 及以后的 flanneld 再次丢掉所有对端，因此要选在能随即重启每台主机上 flanneld 的时候：
  etcdctl get /coreos.com/network/subnets/键
  etcdctl rm /coreos.com/network/subnets/键
  systemctl restart flanneld
如果键是子网而只是值坏了，说明它属于某台主机：在那台主机上重启 flanneld，它会重新写入。没有可用地址或 MAC 的租约也是如此；如果重启后依旧，请检查那里的 --public-ip 和 --iface，Kubernetes 中则检查节点的注解。`,
    },
  },
  sources: [flannelIssue(427), flannelPull(2471), flannelIssue(125)],
});

/** flannel from v0.21.3 on cannot read a stray key's deletion either. */
function deletion(settings: Settings, key: string): string {
  const line = etcdctl(settings, "delete", leaseKey(settings, key));
  return settings.store.value === "etcd-v2"
    ? line
    : `${line}   # hosts drop all routes at this: then restart flanneld on every host`;
}
