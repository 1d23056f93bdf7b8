import { leaseLine } from "../etcdctl.ts";
import { type Check, defineCheck } from "../check.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue } from "../sources.ts";

/** FD214: leases that never end. Right as they are; to know. */
export const LEASE_PERMANENT: Check = defineCheck({
  code: "FD214",
  name: "lease-permanent",
  severity: "info",
  needs: ["leases", "settings"],
  after: ["FD201"],
  applies: unlessEtcd,
  judge({ leases, settings }) {
    const permanent = leases.filter((lease) => lease.ttl === null);
    if (permanent.length === 0) return [];
    const subnets = permanent.map((lease) =>
      lease.subnet ?? lease.ipv6Subnet ?? lease.key
    );
    return [{
      subject: subnets[0]!,
      variant: settings.store.value === "etcd-v2" ? "default" : "decays",
      arguments: {
        count: permanent.length,
        subnets: subnets.length <= 5 ? subnets : [...subnets.slice(0, 5), "…"],
      },
      evidence: permanent.slice(0, 5).map((lease) => ({
        label: "lease",
        text: leaseLine(settings, lease),
      })),
      commands: [],
    }];
  },
  text: {
    en: {
      title: "Reserved subnets",
      messages: {
        default:
          "Leases without an end, which are reservations ({count}): {subnets}. Nothing has to be done.",
        decays:
          "Leases without an end, which are reservations ({count}): {subnets}. A flanneld that reads the v3 API makes an ordinary lease of 24 hours of one when it starts.",
      },
      meaning:
        "A lease written without a TTL reserves its subnet for the host with that public IP for ever. flannel before v0.18 keeps it so. From v0.18 on, the first start of that host's flanneld writes it again with 24 hours, and from then on it lives as long as it is renewed. flandoc keeps reservations as they are.",
      symptoms:
        "None. The lease stays after its host is gone; routes to it stay on every other host too.",
      repair:
        `Nothing is broken. A reservation for a host that will not come back is deleted by hand:
  etcdctl rm /coreos.com/network/subnets/172.7.44.0-24
One is made with etcdctl set without --ttl:
  etcdctl set /coreos.com/network/subnets/172.7.44.0-24 '{"PublicIP":"192.168.1.44","BackendType":"host-gw"}'`,
      skips: SKIPS.en,
    },
    zh: {
      title: "保留的子网",
      messages: {
        default: "有 {count} 条租约没有期限，是保留租约：{subnets}。无需处理。",
        decays:
          "有 {count} 条租约没有期限，是保留租约：{subnets}。使用 v3 API 的 flanneld 启动时会把它变成 24 小时的普通租约。",
      },
      meaning:
        "不带 TTL 写入的租约，把子网永久保留给带有该公共 IP 的主机。v0.18 之前的 flannel 会保持这样。从 v0.18 起，该主机的 flanneld 第一次启动时会以 24 小时期限重写它，此后全靠续期。flandoc 会保持保留租约不变。",
      symptoms:
        "没有异常表现。主机下线后租约仍在，其他主机上到它的路由也仍在。",
      repair: `没有故障。如果某台主机不会再回来，可手工删除它的保留租约：
  etcdctl rm /coreos.com/network/subnets/172.7.44.0-24
新建保留租约时，etcdctl set 不带 --ttl 即可：
  etcdctl set /coreos.com/network/subnets/172.7.44.0-24 '{"PublicIP":"192.168.1.44","BackendType":"host-gw"}'`,
      skips: SKIPS.zh,
    },
  },
  sources: [
    flannelIssue(29),
    "https://github.com/flannel-io/flannel/blob/master/Documentation/reservations.md",
  ],
});
