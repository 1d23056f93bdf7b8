import { etcdctl, subnetsKey } from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue } from "../sources.ts";
import { subnetUsage } from "../../flannel/allocation.ts";
import type { SubnetRange } from "../../flannel/network_config_types.ts";
import type { Known } from "../../snapshot/facts.ts";

type Needs = "config" | "leases" | "node" | "settings";

/** Part of the subnets above which the range is nearly used up. */
const NEARLY = 0.9;

/** FD108: no subnet is left for another host, or soon none will be. */
export const SUBNETS_EXHAUSTED: Check = defineCheck<Needs>({
  code: "FD108",
  name: "subnets-exhausted",
  severity: "error",
  needs: ["config", "leases", "node", "settings"],
  after: [...CONFIG_CAUSES, "FD109"],
  applies: unlessEtcd,
  judge(facts) {
    const { ipv4, ipv6 } = facts.config;
    return [
      ...(ipv4 === null ? [] : judgeRange(facts, 4, ipv4)),
      ...(ipv6 === null ? [] : judgeRange(facts, 6, ipv6)),
    ];
  },
  text: {
    en: {
      title: "No free subnet is left",
      messages: {
        "empty-range":
          "SubnetMin {min} lies above SubnetMax {max}: there is no subnet that a host could take.",
        "no-subnet":
          "All {capacity} subnets of {network} are leased and this host has none: flanneld ends with “out of subnets”.",
        full:
          "All {capacity} subnets of {network} are leased: no further host can join.",
        nearly:
          "{taken} of {capacity} subnets of {network} are leased; free: {free}.",
      },
      meaning:
        "Each host takes one subnet of SubnetLen out of the Network, between SubnetMin and SubnetMax; the first subnet of the Network is left out unless SubnetMin says otherwise. A /16 cut into /24 gives 255 subnets, into /21 only 31. The lease of a host that is gone holds its subnet until it runs out, up to 24 hours.",
      symptoms:
        'New hosts only: flanneld ends with "failed to acquire lease: out of subnets". Fleets that replace their hosts often meet it first.',
      repair:
        `See which leases belong to hosts that are gone for good, and wait or delete those (never the lease of a host that may come back):
  etcdctl ls /coreos.com/network/subnets
  etcdctl rm /coreos.com/network/subnets/172.7.44.0-24
For more room choose a larger Network or a longer SubnetLen; each host then takes a new subnet at its next start of flanneld, and Docker has to be restarted with it.`,
      skips: SKIPS.en,
    },
    zh: {
      title: "没有空闲子网可分配",
      messages: {
        "empty-range":
          "SubnetMin {min} 大于 SubnetMax {max}，没有任何子网可供主机申请。",
        "no-subnet":
          "{network} 的 {capacity} 个子网已全部租出，而本机还没有子网：flanneld 会以 “out of subnets” 退出。",
        full: "{network} 的 {capacity} 个子网已全部租出，新主机无法加入。",
        nearly:
          "{network} 的 {capacity} 个子网中已租出 {taken} 个，只剩 {free} 个。",
      },
      meaning:
        "每台主机从 Network 中、SubnetMin 与 SubnetMax 之间取走一个长度为 SubnetLen 的子网；除非用 SubnetMin 指定，Network 的第一个子网不参与分配。/16 划成 /24 有 255 个子网，划成 /21 只有 31 个。已下线主机的租约在到期之前（最长 24 小时）仍占着它的子网。",
      symptoms:
        "只影响新主机：flanneld 以 “failed to acquire lease: out of subnets” 退出。频繁更换主机的集群最先遇到。",
      repair:
        `查明哪些租约属于确实不再使用的主机，等它们过期或删除它们（可能恢复的主机的租约绝不能删）：
  etcdctl ls /coreos.com/network/subnets
  etcdctl rm /coreos.com/network/subnets/172.7.44.0-24
要扩容，可改用更大的 Network 或更长的 SubnetLen；各主机在 flanneld 下次启动时会换到新的子网，Docker 也要随之重启。`,
      skips: SKIPS.zh,
    },
  },
  sources: [flannelIssue(875), flannelIssue(301), flannelIssue(430)],
});

function judgeRange(
  { leases, node, settings }: Known<Needs>,
  family: 4 | 6,
  range: SubnetRange,
): Finding[] {
  const { capacity, taken, free } = subnetUsage(family, range, leases);
  const variant = capacity === 0
    ? "empty-range"
    : free === 0 && node.lease === null
    ? "no-subnet"
    : free === 0
    ? "full"
    : capacity >= 10 && taken >= capacity * NEARLY
    ? "nearly"
    : null;
  if (variant === null) return [];
  const grave = variant === "empty-range" || variant === "no-subnet";
  return [{
    subject: range.network,
    variant,
    ...(grave ? {} : { severity: "warning" }),
    arguments: {
      network: range.network,
      min: range.subnetMin,
      max: range.subnetMax,
      capacity,
      taken,
      free,
    },
    evidence: [{
      label: "config",
      text:
        `${range.network} SubnetLen ${range.subnetLen} SubnetMin ${range.subnetMin} SubnetMax ${range.subnetMax}`,
    }],
    commands: [etcdctl(settings, "list", subnetsKey(settings))],
  }];
}
