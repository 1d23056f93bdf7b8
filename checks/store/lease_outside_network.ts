import { leaseLine } from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { groupFindings } from "../group_findings.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue } from "../sources.ts";
import { fitsRange } from "../../flannel/allocation.ts";
import { contains, parseCidr, tryParseCidr } from "../../flannel/cidr.ts";
import type { Lease } from "../../flannel/lease.ts";
import type { SubnetRange } from "../../flannel/network_config_types.ts";
import type { Known } from "../../snapshot/facts.ts";

type Needs = "config" | "leases" | "settings";

/** How a lease does not fit the config. */
type Misfit = "outside" | "length" | "range";

/** FD207: leases that the config would not give out. */
export const LEASE_OUTSIDE_NETWORK: Check = defineCheck<Needs>({
  code: "FD207",
  name: "lease-outside-network",
  severity: "error",
  needs: ["config", "leases", "settings"],
  // FD109: all leases are of another network; said once, there.
  after: [...CONFIG_CAUSES, "FD109"],
  applies: unlessEtcd,
  judge(facts) {
    const { ipv4, ipv6 } = facts.config;
    return [
      ...(ipv4 === null ? [] : judgeFamily(facts, 4, ipv4)),
      ...(ipv6 === null ? [] : judgeFamily(facts, 6, ipv6)),
    ];
  },
  text: {
    en: {
      title: "A lease does not fit the network",
      messages: {
        outside:
          "The lease of {subnet} ({publicIP}) lies outside the network {network}: flannel's rules do not let its traffic through.",
        length:
          "The lease of {subnet} ({publicIP}) has another length than the /{subnetLen} of the config: its host gets another subnet at its next start.",
        range:
          "The lease of {subnet} ({publicIP}) lies outside SubnetMin {min} to SubnetMax {max}: its host gets another subnet at its next start.",
        "many-outside":
          "{count} leases lie outside the network {network}: flannel's rules do not let their traffic through.",
        "many-length":
          "{count} leases have another length than the /{subnetLen} of the config: their hosts get other subnets at their next start.",
        "many-range":
          "{count} leases lie outside SubnetMin {min} to SubnetMax {max}: their hosts get other subnets at their next start.",
      },
      meaning:
        "Hosts make routes for every lease they find and do not ask whether it fits the config. The rules that accept and masquerade, though, are made for the Network. A host whose own lease does not fit drops it when flanneld starts, and takes a new subnet.",
      symptoms:
        "Usually left over from a change of the config: some hosts have been restarted since, others not. After the restart Docker's bridge still has the former subnet.",
      repair:
        `Bring the hosts concerned to the present config, one at a time, containers included:
  systemctl restart flanneld && systemctl restart docker
If instead the config was changed by mistake, write the former one back. A reservation (no TTL) outside the range is deleted by hand:
  etcdctl rm /coreos.com/network/subnets/10.9.1.0-24`,
      skips: SKIPS.en,
    },
    zh: {
      title: "租约与网络配置不符",
      messages: {
        outside:
          "{subnet}（{publicIP}）的租约不在网络 {network} 之内，flannel 的规则不放行它的流量。",
        length:
          "{subnet}（{publicIP}）的租约长度与配置的 /{subnetLen} 不同，该主机下次启动时会换子网。",
        range:
          "{subnet}（{publicIP}）的租约不在 SubnetMin {min} 到 SubnetMax {max} 之间，该主机下次启动时会换子网。",
        "many-outside":
          "有 {count} 条租约不在网络 {network} 之内，flannel 的规则不放行它们的流量。",
        "many-length":
          "有 {count} 条租约的长度与配置的 /{subnetLen} 不同，这些主机下次启动时会换子网。",
        "many-range":
          "有 {count} 条租约不在 SubnetMin {min} 到 SubnetMax {max} 之间，这些主机下次启动时会换子网。",
      },
      meaning:
        "主机会为看到的每条租约建立路由，并不检查它是否符合配置；但放行与 SNAT 规则是按 Network 生成的。如果主机自己的租约不符合配置，flanneld 启动时会放弃它并申请新的子网。",
      symptoms:
        "多半是修改配置后遗留的：有的主机重启过，有的没有。重启之后 Docker 网桥上仍是原来的子网。",
      repair: `逐台让相关主机改用当前配置，容器也要一并重启：
  systemctl restart flanneld && systemctl restart docker
如果是误改了配置，则把原来的配置写回去。范围之外的保留租约（没有 TTL）需要手工删除：
  etcdctl rm /coreos.com/network/subnets/10.9.1.0-24`,
      skips: SKIPS.zh,
    },
  },
  sources: [flannelIssue(598), flannelIssue(875)],
});

function judgeFamily(
  { leases, settings }: Known<Needs>,
  family: 4 | 6,
  range: SubnetRange,
): Finding[] {
  const network = parseCidr(range.network);
  const misfits: Record<Misfit, Lease[]> = {
    outside: [],
    length: [],
    range: [],
  };
  for (const lease of leases) {
    const subnet = family === 4 ? lease.subnet : lease.ipv6Subnet;
    const cidr = subnet === null ? null : tryParseCidr(subnet);
    if (subnet === null || cidr === null) continue;
    if (!contains(network, cidr)) misfits.outside.push(lease);
    else if (cidr.prefixLength !== range.subnetLen) misfits.length.push(lease);
    else if (!fitsRange(family, range, subnet)) misfits.range.push(lease);
  }
  const args = {
    network: range.network,
    subnetLen: range.subnetLen,
    min: range.subnetMin,
    max: range.subnetMax,
  };
  return (["outside", "length", "range"] as const).flatMap((misfit) => {
    const severity = misfit === "outside" ? "error" : "warning";
    return groupFindings(misfits[misfit], (lease): Finding => ({
      subject: lease.key,
      variant: misfit,
      severity,
      arguments: {
        ...args,
        subnet: (family === 4 ? lease.subnet : lease.ipv6Subnet) ?? "",
        publicIP: lease.attributes.publicIP,
      },
      evidence: [{ label: "lease", text: leaseLine(settings, lease) }],
      commands: [],
    }), (all): Finding => ({
      subject: range.network,
      variant: `many-${misfit}`,
      severity,
      arguments: { ...args, count: all.length },
      evidence: all.slice(0, 5).map((lease) => ({
        label: "lease",
        text: leaseLine(settings, lease),
      })),
      commands: [],
    }));
  });
}
