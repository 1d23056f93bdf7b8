import { etcdctl, leaseLine } from "../etcdctl.ts";
import {
  type Check,
  defineCheck,
  type Evidence,
  type Finding,
} from "../check.ts";
import { separateAgents } from "../flannel_agents.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { oneLine } from "../one_line.ts";
import { flannelIssue } from "../sources.ts";
import {
  canonicalCidr,
  type Cidr,
  contains,
  parseCidr,
  tryParseCidr,
} from "../../flannel/cidr.ts";
import { isCompatible } from "../../flannel/allocation.ts";
import { findFlannelRules } from "../../flannel/firewall/find_flannel.ts";
import { versionInUse } from "../../flannel/version_in_use.ts";
import { parsedConfig } from "./parsed_config.ts";
import type { Known } from "../../snapshot/facts.ts";

type Needs =
  | "config"
  | "configRecord"
  | "settings"
  | "leases"
  | "subnetEnvFile"
  | "netfilter"
  | "processes";

/** Leases and rules shown as evidence. */
const SHOWN = 3;

/**
 * FD109: the config names one network, and what was made from it another.
 * Single leases outside the network are FD207's, single rules FD605's.
 */
export const NETWORK_CHANGED: Check = defineCheck<Needs>({
  code: "FD109",
  name: "network-changed",
  severity: "error",
  needs: [
    "config",
    "configRecord",
    "settings",
    "leases",
    "subnetEnvFile",
    "netfilter",
    "processes",
  ],
  after: CONFIG_CAUSES,
  judge(facts) {
    const { ipv4, ipv6 } = facts.config;
    return [
      ...(ipv4 === null ? [] : judgeFamily(facts, 4, ipv4.network)),
      ...(ipv6 === null ? [] : judgeFamily(facts, 6, ipv6.network)),
    ];
  },
  text: {
    en: {
      title: "The config names another network than the one in use",
      messages: {
        "env-leases":
          "The config in the store says {network}, but subnet.env says {env} and every lease lies outside the config's network ({leases}): the hosts still work with the former network.",
        env:
          "The config in the store says {network}, but subnet.env on this host says {env}: this host still works with another network.",
        leases:
          "The config in the store says {network}, but every lease lies outside it ({leases}): no host has taken a subnet of this network yet.",
        rules:
          "The config in the store says {network}, but flannel's netfilter rules on this host are made for {rules}.",
      },
      meaning:
        "flanneld reads the network once, when it starts, and makes its lease, subnet.env, routes and rules from it. A config written later changes nothing on hosts that run; each host moves to the new network at its next restart, alone, and can then no longer talk to the others. Often nobody meant to change it: the value written and the value read back were never compared.",
      symptoms:
        "etcdctl get prints another Network than subnet.env has. Everything works until one flanneld restarts; that host gets a subnet of another range, Docker has to be restarted there, and its containers are cut off.",
      repair:
        `Decide which network is meant. If it is the one in use, write it back; nothing has to be restarted:
  etcdctl set /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}'
  etcdctl get /coreos.com/network/config
If it is the one in the config, restart flanneld and then Docker on every host, in one maintenance window; all containers get new addresses:
  systemctl restart flanneld && systemctl restart docker`,
    },
    zh: {
      title: "配置中的网段与实际使用的网段不一致",
      messages: {
        "env-leases":
          "存储中的配置是 {network}，但 subnet.env 是 {env}，所有租约也都不在配置的网段内（{leases}）：各主机仍在使用原来的网络。",
        env:
          "存储中的配置是 {network}，但本机的 subnet.env 是 {env}：本机仍在使用另一个网络。",
        leases:
          "存储中的配置是 {network}，但所有租约都不在其中（{leases}）：还没有主机从这个网段取得子网。",
        rules:
          "存储中的配置是 {network}，但本机上 flannel 的 netfilter 规则是为 {rules} 生成的。",
      },
      meaning:
        "flanneld 只在启动时读取一次网段，租约、subnet.env、路由和规则都由它而来。之后再写入的配置对正在运行的主机不起作用；每台主机要到下次重启 flanneld 才各自换到新网段，届时便与其他主机不通。很多时候并没有人想改网段，只是写入之后没有把 get 的结果与 set 的内容核对。",
      symptoms:
        "etcdctl get 显示的 Network 与 subnet.env 不同。在某台 flanneld 重启之前一切正常；重启之后该主机得到另一网段的子网，需要重启 Docker，其上的容器与其他主机断开。",
      repair:
        `先确定想要的是哪个网段。如果是正在使用的网段，写回去即可，不需要重启：
  etcdctl set /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}'
  etcdctl get /coreos.com/network/config
如果是配置中的网段，则在维护窗口内逐台重启 flanneld，再重启 Docker，所有容器都会换地址：
  systemctl restart flanneld && systemctl restart docker`,
    },
  },
  sources: [flannelIssue(598), flannelIssue(1057), flannelIssue(1393)],
});

function judgeFamily(
  facts: Known<Needs>,
  family: 4 | 6,
  network: string,
): Finding[] {
  const wanted = parseCidr(network);
  const env = otherEnvNetwork(facts.subnetEnvFile.text ?? "", family, network);
  const leases = leasesOutside(facts, family, wanted);
  const rules = otherRuleNetworks(facts, network);
  const variant = env !== null && leases.length > 0
    ? "env-leases"
    : env !== null
    ? "env"
    : leases.length > 0
    ? "leases"
    : rules.length > 0
    ? "rules"
    : null;
  if (variant === null) return [];
  const { configRecord, settings } = facts;
  // A host alone with its former network follows the record, not it the host;
  // while most hosts have not moved it waits for them.
  const follows = variant === "rules"
    ? ["systemctl restart flanneld"]
    : variant === "env" && !isFewMoved(facts, family, wanted)
    ? ["systemctl restart flanneld", "systemctl restart docker"]
    : [];
  const subnets = leases.map((lease) =>
    (family === 4 ? lease.subnet : lease.ipv6Subnet) ?? ""
  );
  // Only what all leases say as well is surely the network in use.
  const formerText = env !== null &&
      subnets.every((subnet) =>
        contains(parseCidr(env.network), parseCidr(subnet))
      )
    ? configFor(facts, family, env.network)
    : null;
  const evidence: Evidence[] = [
    { label: "key", text: configRecord.key },
    { label: "config", text: oneLine(configRecord.text ?? "") },
    ...(env === null ? [] : [{ label: "file", text: env.line }]),
    ...leases.slice(0, SHOWN).map((lease) => ({
      label: "lease",
      text: leaseLine(settings, lease),
    })),
    ...rules.slice(0, SHOWN).map(({ rule }) => ({ label: "rule", text: rule })),
  ];
  return [{
    subject: configRecord.key,
    variant,
    arguments: {
      network,
      env: env?.network ?? "",
      leases: abbreviated(subnets),
      rules: [...new Set(rules.map((rule) => rule.network))],
    },
    evidence,
    commands: settings.store.value === "kubernetes" ? [] : [
      etcdctl(settings, "get", configRecord.key),
      ...follows,
      ...(variant !== "env-leases" || formerText === null
        ? []
        : [etcdctl(settings, "put", configRecord.key, formerText)]),
    ],
  }];
}

function abbreviated(items: readonly string[]): string[] {
  return items.length <= SHOWN ? [...items] : [...items.slice(0, SHOWN), "…"];
}

/** subnet.env's network when it is another one, with its line. */
function otherEnvNetwork(
  text: string,
  family: 4 | 6,
  network: string,
): { readonly network: string; readonly line: string } | null {
  const name = family === 4 ? "FLANNEL_NETWORK" : "FLANNEL_IPV6_NETWORK";
  const line = text.split(/\r?\n/).findLast((l) => l.startsWith(`${name}=`));
  if (line === undefined) return null;
  // v0.21 to v0.24 wrote a comma list of cluster networks.
  const networks = line.slice(name.length + 1).replaceAll(/["'\s]/g, "")
    .split(",").flatMap((part) => canonicalCidr(part) ?? []);
  const [first] = networks;
  if (first === undefined || networks.includes(network)) return null;
  return { network: first, line };
}

/** All leases when none lies in the network, else none. */
function leasesOutside(
  { leases, settings }: Known<Needs>,
  family: 4 | 6,
  network: Cidr,
): Known<"leases">["leases"] {
  if (settings.store.value === "kubernetes") return [];
  const ofFamily = leases.filter((lease) =>
    (family === 4 ? lease.subnet : lease.ipv6Subnet) !== null
  );
  const inside = ofFamily.some((lease) => {
    const text = family === 4 ? lease.subnet : lease.ipv6Subnet;
    const cidr = text === null ? null : tryParseCidr(text);
    return cidr !== null && contains(network, cidr);
  });
  return inside ? [] : ofFamily;
}

/** Rules that flannel made for other networks when none is for the config's. */
function otherRuleNetworks(
  { netfilter, processes }: Known<Needs>,
  network: string,
): { readonly network: string; readonly rule: string }[] {
  // They may be the other agent's, for its own network.
  if (separateAgents(processes).length > 1) return [];
  // A subnet decides nothing here: the whole network stands in for it.
  const found = findFlannelRules(netfilter, { network, subnet: network })
    .flatMap(({ network, rule }) =>
      network === null ? [] : [{ network, rule: rule.text }]
    );
  return found.some((rule) => rule.network === network) ? [] : found;
}

/** Whether most of the leases still lie outside the network, but not all. */
function isFewMoved(
  { leases, settings }: Known<Needs>,
  family: 4 | 6,
  network: Cidr,
): boolean {
  if (settings.store.value === "kubernetes") return false;
  const subnets = leases.flatMap((lease) => {
    const text = family === 4 ? lease.subnet : lease.ipv6Subnet;
    return text === null ? [] : tryParseCidr(text) ?? [];
  });
  const inside = subnets.filter((subnet) => contains(network, subnet)).length;
  return inside * 2 < subnets.length;
}

/**
 * The config's text for another network; null where flannel would refuse it
 * (a SubnetMin of the network it has now) or would void a lease by it.
 */
function configFor(
  { configRecord, settings, processes, leases }: Known<Needs>,
  family: 4 | 6,
  network: string,
): string | null {
  const text = withNetwork(configRecord.text ?? "", family, network);
  const version = versionInUse(processes, settings.store.value);
  const { config } = parsedConfig({ ...configRecord, text }, settings, version);
  const holds = config !== null &&
    leases.every((lease) => isCompatible(lease, config));
  return holds ? text : null;
}

/** The config's text with another network in it. */
function withNetwork(text: string, family: 4 | 6, network: string): string {
  const name = family === 4 ? "Network" : "IPv6Network";
  return text.trim().replace(
    new RegExp(`("${name}"\\s*:\\s*")[^"]*(")`, "i"),
    (_, before, after) => `${before}${network}${after}`,
  );
}
