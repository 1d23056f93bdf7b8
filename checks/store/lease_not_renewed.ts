import { leaseLine } from "../etcdctl.ts";
import { type Check, defineCheck } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { formatDuration } from "../duration.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue } from "../sources.ts";
import { TTL_NOT_ASKED } from "../../flannel/lease.ts";
import { valueOf } from "../../snapshot/fact.ts";

/**
 * Seconds by which a renewal may be late: flanneld tries again each minute,
 * and with the v2 API it counts from the server's clock.
 */
const SLACK = 180;

/** FD205: the own lease is older than its renewal margin allows. */
export const LEASE_NOT_RENEWED: Check = defineCheck({
  code: "FD205",
  name: "lease-not-renewed",
  severity: "error",
  needs: ["node", "settings"],
  after: [...CONFIG_CAUSES, "FD801"],
  applies(facts) {
    const lease = valueOf(facts.node)?.lease;
    if (lease === undefined) return unlessEtcd(facts);
    return unlessEtcd(facts) ??
      (lease === null
        ? "no-lease"
        : lease.ttl === TTL_NOT_ASKED
        ? "ttl-not-asked"
        : undefined);
  },
  judge({ node, settings }) {
    const { lease } = node;
    // No TTL is a reservation, which nobody renews.
    if (lease === null || lease.ttl === null) return [];
    const margin = settings.subnetLeaseRenewMargin.value * 60;
    if (lease.ttl >= margin - SLACK) return [];
    return [{
      subject: lease.key,
      arguments: {
        subnet: lease.subnet ?? lease.ipv6Subnet ?? lease.key,
        left: formatDuration(lease.ttl),
        margin: formatDuration(margin),
        late: formatDuration(margin - lease.ttl),
      },
      evidence: [
        { label: "lease", text: leaseLine(settings, lease) },
        { label: "found", text: `TTL ${lease.ttl}` },
        { label: "wanted", text: `TTL ≥ ${margin}` },
      ],
      commands: ["journalctl -u flanneld --since -2h | grep -i lease"],
    }];
  },
  text: {
    en: {
      title: "The lease is not renewed",
      messages: {
        default:
          "The lease of {subnet} ends in {left}. It should have been renewed {late} ago, {margin} before its end: renewals fail.",
      },
      meaning:
        "flanneld renews its lease once a day, an hour before it ends (--subnet-lease-renew-margin), and tries again every minute when that fails. Each minute below the margin is a failed attempt. When the lease ends, flanneld ends too, and the subnet is free for another host.",
      symptoms:
        'flanneld logs "Error renewing lease (trying again in 1 min)". Everything works until the lease is gone. Some releases before v0.18 stop watching their lease without a word; with the v2 API a wrong clock on the host or on etcd shifts the renewal.',
      repair: `See why renewals fail, and cure that first:
  journalctl -u flanneld --since -2h | grep -i lease
  date -u; ssh ETCD_HOST date -u
etcd without space or leader (FD203) takes no writes. When etcd is well and flanneld only does not try, restart it before the lease ends:
  systemctl restart flanneld`,
      skips: {
        ...SKIPS.en,
        "no-lease": "this host has no lease",
        "ttl-not-asked": "the lease's time to live was not asked for",
      },
    },
    zh: {
      title: "租约没有续期",
      messages: {
        default:
          "{subnet} 的租约将在 {left} 后到期。按规定应提前 {margin} 续期，现已超过 {late}：续期一直失败。",
      },
      meaning:
        "flanneld 每天续期一次，在到期前一小时进行（--subnet-lease-renew-margin），失败后每分钟重试。低于这个提前量的每一分钟都是一次失败。租约到期后 flanneld 会退出，子网可能分给别的主机。",
      symptoms:
        "flanneld 日志中出现 “Error renewing lease (trying again in 1 min)”。租约消失之前一切正常。v0.18 之前的一些版本会悄悄停止关注自己的租约；使用 v2 API 时，主机或 etcd 的时钟不准会使续期时间错位。",
      repair: `先查明并解决续期失败的原因：
  journalctl -u flanneld --since -2h | grep -i lease
  date -u; ssh ETCD主机 date -u
etcd 没有空间或没有 leader（FD203）时不接受写入。如果 etcd 正常，只是 flanneld 不去续期，就在租约到期前重启它：
  systemctl restart flanneld`,
      skips: {
        ...SKIPS.zh,
        "no-lease": "本机没有租约",
        "ttl-not-asked": "没有查询本机租约的剩余时间",
      },
    },
  },
  sources: [flannelIssue(831), flannelIssue(1445), flannelIssue(616)],
});
