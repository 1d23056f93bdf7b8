import { leaseLine } from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { groupFindings } from "../group_findings.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue } from "../sources.ts";
import { fitsRange, subnetUsage } from "../../flannel/allocation.ts";
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
        "outside-full":
          "The lease of {subnet} ({publicIP}) lies outside the network {network}: flannel's rules do not let its traffic through. Do not restart its agent before there is room: it deletes this lease, and ends with “out of subnets” where no other is free (free: {free} of {capacity}, needed: {movers}).",
        "length-full":
          "The lease of {subnet} ({publicIP}) has another length than the /{subnetLen} of the config: its host needs another subnet at its next start. Do not restart its agent before there is room: it deletes this lease, and ends with “out of subnets” where no other is free (free: {free} of {capacity}, needed: {movers}).",
        "range-full":
          "The lease of {subnet} ({publicIP}) lies outside SubnetMin {min} to SubnetMax {max}: its host needs another subnet at its next start. Do not restart its agent before there is room: it deletes this lease, and ends with “out of subnets” where no other is free (free: {free} of {capacity}, needed: {movers}).",
        "many-outside-full":
          "{count} leases lie outside the network {network}: flannel's rules do not let their traffic through. Do not restart their agents before there is room: each deletes its lease, and ends with “out of subnets” where no other is free (free: {free} of {capacity}, needed: {movers}).",
        "many-length-full":
          "{count} leases have another length than the /{subnetLen} of the config: their hosts need other subnets at their next start. Do not restart their agents before there is room: each deletes its lease, and ends with “out of subnets” where no other is free (free: {free} of {capacity}, needed: {movers}).",
        "many-range-full":
          "{count} leases lie outside SubnetMin {min} to SubnetMax {max}: their hosts need other subnets at their next start. Do not restart their agents before there is room: each deletes its lease, and ends with “out of subnets” where no other is free (free: {free} of {capacity}, needed: {movers}).",
      },
      meaning:
        "Hosts make routes for every lease they find and do not ask whether it fits the config. The rules that accept and masquerade, though, are made for the Network. A host whose own lease does not fit drops it when flanneld starts, and takes a new subnet; where none is free, flanneld ends, and the other hosts take away their routes to it.",
      symptoms:
        "Usually left over from a change of the config: some hosts have been restarted since, others not. After the restart Docker's bridge still has the former subnet.",
      repair:
        `Where no subnet is free (FD108), make room first: delete leases of hosts that are gone, or widen the range. Then bring the hosts concerned to the present config, one at a time, containers included:
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
        "outside-full":
          "{subnet}（{publicIP}）的租约不在网络 {network} 之内，flannel 的规则不放行它的流量。在腾出子网之前不要重启它的代理：代理会先删除这条租约，如果没有其他空闲子网（{capacity} 个中空闲 {free} 个，需要 {movers} 个），就以 “out of subnets” 退出。",
        "length-full":
          "{subnet}（{publicIP}）的租约长度与配置的 /{subnetLen} 不同，该主机下次启动时需要换子网。在腾出子网之前不要重启它的代理：代理会先删除这条租约，如果没有其他空闲子网（{capacity} 个中空闲 {free} 个，需要 {movers} 个），就以 “out of subnets” 退出。",
        "range-full":
          "{subnet}（{publicIP}）的租约不在 SubnetMin {min} 到 SubnetMax {max} 之间，该主机下次启动时需要换子网。在腾出子网之前不要重启它的代理：代理会先删除这条租约，如果没有其他空闲子网（{capacity} 个中空闲 {free} 个，需要 {movers} 个），就以 “out of subnets” 退出。",
        "many-outside-full":
          "有 {count} 条租约不在网络 {network} 之内，flannel 的规则不放行它们的流量。在腾出子网之前不要重启它们的代理：代理会先删除自己的租约，如果没有其他空闲子网（{capacity} 个中空闲 {free} 个，需要 {movers} 个），就以 “out of subnets” 退出。",
        "many-length-full":
          "有 {count} 条租约的长度与配置的 /{subnetLen} 不同，这些主机下次启动时需要换子网。在腾出子网之前不要重启它们的代理：代理会先删除自己的租约，如果没有其他空闲子网（{capacity} 个中空闲 {free} 个，需要 {movers} 个），就以 “out of subnets” 退出。",
        "many-range-full":
          "有 {count} 条租约不在 SubnetMin {min} 到 SubnetMax {max} 之间，这些主机下次启动时需要换子网。在腾出子网之前不要重启它们的代理：代理会先删除自己的租约，如果没有其他空闲子网（{capacity} 个中空闲 {free} 个，需要 {movers} 个），就以 “out of subnets” 退出。",
      },
      meaning:
        "主机会为看到的每条租约建立路由，并不检查它是否符合配置；但放行与 SNAT 规则是按 Network 生成的。如果主机自己的租约不符合配置，flanneld 启动时会放弃它并申请新的子网；如果没有空闲子网，flanneld 就会退出，其他主机则删除到它的路由。",
      symptoms:
        "多半是修改配置后遗留的：有的主机重启过，有的没有。重启之后 Docker 网桥上仍是原来的子网。",
      repair:
        `如果没有空闲子网（FD108），先腾出位置：删除已下线主机的租约，或者扩大范围。然后逐台让相关主机改用当前配置，容器也要一并重启：
  systemctl restart flanneld && systemctl restart docker
如果是误改了配置，则把原来的配置写回去。范围之外的保留租约（没有 TTL）需要手工删除：
  etcdctl rm /coreos.com/network/subnets/10.9.1.0-24`,
      skips: SKIPS.zh,
    },
  },
  sources: [flannelIssue(598), flannelIssue(875)],
});

/** Leases that do not fit, by how. */
type Misfits = Readonly<Record<Misfit, readonly Lease[]>>;

function subnetOf(lease: Lease, family: 4 | 6): string | null {
  return family === 4 ? lease.subnet : lease.ipv6Subnet;
}

function misfitsOf(
  leases: readonly Lease[],
  family: 4 | 6,
  range: SubnetRange,
): Misfits {
  const network = parseCidr(range.network);
  const misfits: Record<Misfit, Lease[]> = {
    outside: [],
    length: [],
    range: [],
  };
  for (const lease of leases) {
    const subnet = subnetOf(lease, family);
    const cidr = subnet === null ? null : tryParseCidr(subnet);
    if (subnet === null || cidr === null) continue;
    if (!contains(network, cidr)) misfits.outside.push(lease);
    else if (cidr.prefixLength !== range.subnetLen) misfits.length.push(lease);
    else if (!fitsRange(family, range, subnet)) misfits.range.push(lease);
  }
  return misfits;
}

function judgeFamily(
  { leases, settings }: Known<Needs>,
  family: 4 | 6,
  range: SubnetRange,
): Finding[] {
  const misfits = misfitsOf(leases, family, range);
  const movers = new Set(Object.values(misfits).flat());
  // flanneld deletes a lease that does not fit before it looks for another.
  const { capacity, free } = subnetUsage(
    family,
    range,
    leases.filter((lease) => !movers.has(lease)),
  );
  const full = free < movers.size ? "-full" : "";
  const args = {
    network: range.network,
    subnetLen: range.subnetLen,
    min: range.subnetMin,
    max: range.subnetMax,
    free,
    capacity,
    movers: movers.size,
  };
  return (["outside", "length", "range"] as const).flatMap((misfit) => {
    const severity = misfit === "outside" ? "error" : "warning";
    return groupFindings(misfits[misfit], (lease): Finding => ({
      subject: lease.key,
      variant: `${misfit}${full}`,
      severity,
      arguments: {
        ...args,
        subnet: subnetOf(lease, family) ?? "",
        publicIP: lease.attributes.publicIP,
      },
      evidence: [{ label: "lease", text: leaseLine(settings, lease) }],
      commands: [],
    }), (all): Finding => ({
      subject: range.network,
      variant: `many-${misfit}${full}`,
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
