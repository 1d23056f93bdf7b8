import { leaseLine } from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { flannelIssue } from "../sources.ts";
import { canonicalCidr } from "../../flannel/cidr.ts";
import { firstAddressOf } from "../../flannel/subnet_env.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { Known } from "../../snapshot/facts.ts";

type Needs = "subnetEnv" | "subnetEnvFile" | "node" | "config" | "settings";

/** FD303: subnet.env names another subnet than this host's lease. */
export const SUBNET_ENV_STALE: Check = defineCheck<Needs>({
  code: "FD303",
  name: "subnet-env-stale",
  severity: "error",
  needs: ["subnetEnv", "subnetEnvFile", "node", "config", "settings"],
  after: [...CONFIG_CAUSES, "FD109", "FD213", "FD204", "FD301", "FD302"],
  // Another network in the file is FD109's to say.
  applies(facts) {
    return valueOf(facts.node)?.lease === null ? "no-lease" : undefined;
  },
  judge(facts) {
    const { subnetEnv, node, config } = facts;
    const { lease } = node;
    return [
      ...compare(
        facts,
        "subnet",
        "FLANNEL_SUBNET",
        subnetEnv.subnet,
        lease?.subnet ?? null,
      ),
      ...compare(
        facts,
        "subnet",
        "FLANNEL_IPV6_SUBNET",
        subnetEnv.ipv6Subnet,
        lease?.ipv6Subnet ?? null,
      ),
      ...compare(
        facts,
        "network",
        "FLANNEL_NETWORK",
        subnetEnv.network,
        config.ipv4?.network ?? null,
      ),
      ...compare(
        facts,
        "network",
        "FLANNEL_IPV6_NETWORK",
        subnetEnv.ipv6Network,
        config.ipv6?.network ?? null,
      ),
    ];
  },
  text: {
    en: {
      title: "subnet.env is out of date",
      messages: {
        subnet:
          "{variable} in {path} is {found}, but this host's lease is for {wanted}: Docker and CNI use a subnet that no other host routes here.",
        network:
          "{variable} in {path} is {found}, but the network config says {wanted}.",
        absent:
          "{variable} is not in {path}, though this host's records have {wanted}.",
      },
      meaning:
        "flanneld writes subnet.env when it starts and never again; the records in the store are what counts. A file that differs was left by an earlier run, kept outside /run over a reboot, copied from another host, or written by hand before flanneld ran (which flanneld takes for a wish, and follows only while that subnet is free).",
      symptoms:
        "After a restart of Docker its containers have addresses that cannot be reached from other hosts, or that another host has too.",
      repair:
        `Restart flanneld, which writes the file from the lease, then Docker, which reads it:
  systemctl restart flanneld
  cat /run/flannel/subnet.env
  systemctl restart docker
Containers get addresses of the new subnet.`,
      skips: {
        "no-lease":
          "this host has no lease that subnet.env could be compared with",
      },
    },
    zh: {
      title: "subnet.env 已经过时",
      messages: {
        subnet:
          "{path} 中的 {variable} 是 {found}，而本机的租约是 {wanted}：Docker 和 CNI 使用的子网，其他主机没有到本机的路由。",
        network: "{path} 中的 {variable} 是 {found}，而网络配置是 {wanted}。",
        absent: "{path} 中没有 {variable}，而本机的记录中有 {wanted}。",
      },
      meaning:
        "flanneld 只在启动时写 subnet.env，之后不再更新，应以存储中的记录为准。两者不同，说明文件是上一次运行遗留的、放在 /run 之外因而在重启后保留的、从别的主机复制的，或在 flanneld 启动之前手写的（flanneld 会把它当作意愿，只有该子网空闲时才采用）。",
      symptoms:
        "重启 Docker 之后，容器的地址从其他主机访问不到，或者与另一台主机上的容器重复。",
      repair: `先重启 flanneld，让它按租约重写文件，再重启读取该文件的 Docker：
  systemctl restart flanneld
  cat /run/flannel/subnet.env
  systemctl restart docker
容器会换成新子网的地址。`,
      skips: { "no-lease": "本机没有租约，无从与 subnet.env 比较" },
    },
  },
  sources: [flannelIssue(1393), flannelIssue(1289), flannelIssue(904)],
});

function compare(
  { subnetEnvFile, node, settings }: Known<Needs>,
  variant: "subnet" | "network",
  variable: string,
  found: string | null,
  wanted: string | null,
): Finding[] {
  // What the records do not have flannel does not write; a leftover line of
  // the other family harms nobody.
  if (wanted === null) return [];
  if (found !== null && canonicalCidr(found) === wanted) return [];
  const line = variant === "subnet" ? firstAddressOf(wanted) : wanted;
  return [{
    subject: variable,
    variant: found === null ? "absent" : variant,
    arguments: {
      path: subnetEnvFile.path,
      variable,
      found: found ?? "",
      wanted: line,
    },
    evidence: [
      ...(found === null
        ? []
        : [{ label: "file", text: `${variable}=${found}` }]),
      { label: "wanted", text: `${variable}=${line}` },
      ...(node.lease === null ? [] : [
        { label: "lease", text: leaseLine(settings, node.lease) },
      ]),
    ],
    commands: ["systemctl restart flanneld", "systemctl restart docker"],
  }];
}
