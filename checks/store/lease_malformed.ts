import { etcdctl, leaseKey, recordLine, subnetsKey } from "../etcdctl.ts";
import { type Check, defineCheck } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { oneLine } from "../one_line.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import { parseLeases } from "../../flannel/parse_lease.ts";
import type { Settings } from "../../snapshot/facts.ts";

/** FD206: something below `subnets` is no lease. */
export const LEASE_MALFORMED: Check = defineCheck({
  code: "FD206",
  name: "lease-malformed",
  severity: "error",
  needs: ["leaseRecords", "settings"],
  after: ["FD201"],
  applies: unlessEtcd,
  judge({ leaseRecords, settings }) {
    const { problems } = parseLeases(leaseRecords);
    return groupFindings(problems, ({ record, part, message }) => ({
      subject: oneLine(leaseKey(settings, record.key)),
      variant: part,
      arguments: { key: oneLine(leaseKey(settings, record.key)) },
      evidence: [
        { label: "lease", text: recordLine(settings, record) },
        { label: "found", text: oneLine(message) },
      ],
      commands: [
        etcdctl(settings, "get", leaseKey(settings, record.key)),
        // A lease whose text is broken still belongs to a host, which
        // writes it again; only what names no subnet is nobody's. A key
        // that a terminal cannot show is not for copy and paste.
        ...(part === "key" && /^[\x20-\x7e]+$/.test(record.key)
          ? [deletion(settings, record.key)]
          : []),
      ],
    }), (all) => ({
      subject: subnetsKey(settings),
      variant: "many",
      arguments: {
        count: all.length,
        key: subnetsKey(settings),
      },
      evidence: all.slice(0, 5).map(({ record }) => ({
        label: "lease",
        text: recordLine(settings, record),
      })),
      commands: [
        etcdctl(settings, "list", subnetsKey(settings)),
      ],
    }));
  },
  text: {
    en: {
      title: "A key among the leases is no lease",
      messages: {
        key:
          "{key} is not the key of a subnet: flannel before v0.18 stops hearing of changes at it, later releases forget all their peers.",
        value:
          "The lease {key} has a value that flannel cannot read: hosts skip this peer, and some releases forget all their peers.",
        many:
          "{count} keys below {key} are no leases: some releases of flannel stop hearing of changes at them, others forget all their peers.",
      },
      meaning:
        "Every key below PREFIX/subnets must be a subnet such as 10.5.34.0-24 with a JSON value that has a PublicIP. flannel takes whatever is written there for a change of a lease. One stray key, written or deleted, is enough: v0.11 tries to read the same change for ever, v0.21.3 and newer take the failure for the removal of every peer, until each of these renews its lease.",
      symptoms:
        'All routes of a host vanish at once; "error parsing etcd event", "Watch of subnet leases failed because header revision != 0", "Ignoring bad subnet node" or a flood of "Watch subnets: …" in the log.',
      repair:
        `Look at the key. One that is no subnet can go. With the v3 API its deletion makes each flanneld from v0.21.3 on drop all its peers once more, so do it when flanneld can be restarted on every host right after:
  etcdctl get /coreos.com/network/subnets/KEY
  etcdctl rm /coreos.com/network/subnets/KEY
  systemctl restart flanneld
A key that is a subnet with a broken value belongs to a host: restart flanneld on that host, it writes the value again.`,
      skips: SKIPS.en,
    },
    zh: {
      title: "租约目录下有不是租约的键",
      messages: {
        key:
          "{key} 不是子网键：v0.18 之前的 flannel 会卡在它上面，收不到后续变化；之后的版本会因此忘掉所有对端。",
        value:
          "租约 {key} 的值 flannel 无法解析：各主机会跳过这个对端，某些版本还会忘掉所有对端。",
        many:
          "{key} 下有 {count} 个键不是租约：某些版本的 flannel 会卡在上面，收不到后续变化，另一些版本会忘掉所有对端。",
      },
      meaning:
        "前缀/subnets 下的每个键都必须是形如 10.5.34.0-24 的子网，值是含有 PublicIP 的 JSON。flannel 把写在那里的任何内容都当作租约的变化。只要写入或删除一个不相干的键就足以出事：v0.11 会反复读取同一个变化；v0.21.3 及以后会把解析失败当成所有对端都被删除，直到对端各自续期才恢复。",
      symptoms:
        "某台主机的路由突然全部消失；日志中出现 “error parsing etcd event”、“Watch of subnet leases failed because header revision != 0”、“Ignoring bad subnet node”，或大量 “Watch subnets: …”。",
      repair:
        `先看这个键。不是子网的键可以删除。使用 v3 API 时，删除动作会使 v0.21.3 及以后的 flanneld 再次丢掉所有对端，因此要选在能随即重启每台主机上 flanneld 的时候：
  etcdctl get /coreos.com/network/subnets/键
  etcdctl rm /coreos.com/network/subnets/键
  systemctl restart flanneld
如果键是子网而只是值坏了，说明它属于某台主机：在那台主机上重启 flanneld，它会重新写入。`,
      skips: SKIPS.zh,
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
