import { attachment } from "../attachment.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { agentProcesses, processLine } from "../flannel_agents.ts";
import { SKIPS, unlessDockerBridge, unsureBridge } from "../skips.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import { canonicalCidr } from "../../flannel/cidr.ts";
import { dockerMasquerades } from "../../flannel/firewall/docker_masquerades.ts";
import { egressMasquerade } from "../../flannel/firewall/overlay_rewrites.ts";
import type { Known } from "../../snapshot/facts.ts";

type Needs =
  | "subnetEnv"
  | "subnetEnvFile"
  | "docker"
  | "settings"
  | "processes"
  | "netfilter"
  | "links"
  | "addresses"
  | "node";

/** FD308: flannel and Docker do not agree on who masquerades. */
export const IPMASQ_DISAGREES: Check = defineCheck<Needs>({
  code: "FD308",
  name: "ipmasq-disagrees",
  severity: "warning",
  needs: [
    "subnetEnv",
    "subnetEnvFile",
    "docker",
    "settings",
    "processes",
    "netfilter",
    "links",
    "addresses",
    "node",
  ],
  after: ["FD301", "FD302", "FD303", "FD305", "FD307"],
  applies: unlessDockerBridge,
  judge(facts) {
    const agent = agentFinding(facts);
    return agent === null ? dockerFindings(facts) : [agent];
  },
  unsure: unsureBridge,
  text: {
    en: {
      title: "flannel and Docker disagree on masquerading",
      messages: {
        both:
          "Both masquerade: FLANNEL_IPMASQ is true and Docker runs with --ip-masq=true. Docker's rule comes first and hides containers from each other too.",
        none:
          "Neither masquerades: FLANNEL_IPMASQ is false, Docker runs without --ip-masq, and no rule gives containers the host's address: they do not reach the Internet, unless a router beyond knows their network.",
        agent:
          "FLANNEL_IPMASQ in {path} is {found}, but the running agent was started with --ip-masq={wanted}: the file is not its own.",
      },
      meaning:
        "One of the two must masquerade what leaves for the Internet, and neither must touch what goes to other hosts' containers. flanneld --ip-masq does both right; Docker's own rule knows nothing of the overlay. Therefore mk-docker-opts.sh gives Docker the opposite of FLANNEL_IPMASQ. Without --ip-masq flanneld leaves it to Docker, whose rule then has to be scoped.",
      symptoms:
        "Both: services on other hosts see the host's address instead of the container's. Neither: containers reach each other, but no address outside, and no DNS there.",
      repair: `Either flannel masquerades and Docker does not (the lasting way):
  flanneld --ip-masq …
  dockerd --ip-masq=false …        (mk-docker-opts.sh writes it by itself)
  systemctl restart flanneld && systemctl restart docker
or Docker does and its rule spares the overlay:
  iptables -t nat -I POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE
  iptables -t nat -D POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE
flandoc fix --snat does the second; with --persist it stays.`,
      skips: { ...SKIPS.en },
    },
    zh: {
      title: "flannel 与 Docker 的 SNAT 设置不协调",
      messages: {
        both:
          "两者都做 SNAT：FLANNEL_IPMASQ 为 true，Docker 也以 --ip-masq=true 运行。Docker 的规则排在前面，连容器之间的源地址也一并被改写。",
        none:
          "两者都不做 SNAT：FLANNEL_IPMASQ 为 false，Docker 也没有启用 --ip-masq，又没有其他规则把容器地址换成主机地址；除非上级路由器认识容器网段，否则容器无法访问外网。",
        agent:
          "{path} 中的 FLANNEL_IPMASQ 是 {found}，而正在运行的代理是以 --ip-masq={wanted} 启动的：这个文件不是它写的。",
      },
      meaning:
        "访问外网的流量必须由两者之一做 SNAT，而发往其他主机容器的流量两者都不该改写。flanneld --ip-masq 能同时做到这两点；Docker 自己的规则对 overlay 一无所知。因此 mk-docker-opts.sh 会给 Docker 与 FLANNEL_IPMASQ 相反的值。不加 --ip-masq 时，flanneld 把 SNAT 留给 Docker，这时就必须限定 Docker 规则的范围。",
      symptoms:
        "都做：其他主机上的服务看到的是主机地址而不是容器地址。都不做：容器之间互通，但访问不了外网，也用不了外部的 DNS。",
      repair: `要么由 flannel 做、Docker 不做（一劳永逸）：
  flanneld --ip-masq …
  dockerd --ip-masq=false …        （mk-docker-opts.sh 会自动写入）
  systemctl restart flanneld && systemctl restart docker
要么由 Docker 做，并让它的规则放过 overlay：
  iptables -t nat -I POSTROUTING -s 172.7.21.0/24 ! -d 172.7.0.0/16 ! -o docker0 -j MASQUERADE
  iptables -t nat -D POSTROUTING -s 172.7.21.0/24 ! -o docker0 -j MASQUERADE
flandoc fix --snat 做的就是第二种，加上 --persist 可长期保持。`,
      skips: { ...SKIPS.zh },
    },
  },
  sources: [
    flannelIssue(117),
    flannelIssue(115),
    flannelIssue(1253),
    flannelPull(269),
  ],
});

function agentFinding(facts: Known<Needs>): Finding | null {
  const { subnetEnv, subnetEnvFile, settings, processes } = facts;
  const agents = agentProcesses(processes);
  const wanted = settings.ipMasq.value;
  // Only of one agent is it certain that the setting is its own, and that
  // only when whoever runs flandoc did not give another.
  const given = /^(?:flag|environment|unit)\b/.test(settings.ipMasq.source);
  if (agents.length !== 1 || given || subnetEnv.ipMasq === wanted) return null;
  return {
    subject: `FLANNEL_IPMASQ=${subnetEnv.ipMasq}`,
    variant: "agent",
    arguments: {
      path: subnetEnvFile.path,
      found: String(subnetEnv.ipMasq),
      wanted: String(wanted),
    },
    evidence: [
      { label: "file", text: `FLANNEL_IPMASQ=${subnetEnv.ipMasq}` },
      ...agents.map((agent) => ({
        label: "process",
        text: processLine(agent),
      })),
    ],
    commands: ["systemctl restart flanneld"],
  };
}

function dockerFindings(facts: Known<Needs>): Finding[] {
  const { subnetEnv, docker, node } = facts;
  const subnet = canonicalCidr(subnetEnv.subnet ?? "");
  const network = canonicalCidr(subnetEnv.network ?? "");
  const attached = attachment(facts);
  if (
    docker === null || attached === null || subnet === null || network === null
  ) return [];
  const { bridge } = attached;
  const dockerMasquerade = docker.ipMasq.value && docker.iptables.value;
  const evidence = [
    { label: "file", text: `FLANNEL_IPMASQ=${subnetEnv.ipMasq}` },
    {
      label: "config",
      text: `ip-masq ${docker.ipMasq.value} (${docker.ipMasq.source})`,
    },
  ];
  if (subnetEnv.ipMasq && dockerMasquerade) {
    // A scoped rule does no harm, whoever else masquerades.
    const unscoped = dockerMasquerades(facts.netfilter, {
      subnet,
      network,
      bridge,
    }).filter((place) => place.form === "unscoped");
    return unscoped.length === 0 ? [] : [{
      subject: bridge,
      variant: "both",
      arguments: {},
      evidence: [
        ...evidence,
        ...unscoped.map(({ rule }) => ({ label: "rule", text: rule.text })),
      ],
      commands: [
        "systemctl edit docker   # dockerd … --ip-masq=false",
        "systemctl restart docker",
      ],
    }];
  }
  if (subnetEnv.ipMasq || dockerMasquerade) return [];
  const { untouched } = egressMasquerade(facts.netfilter, {
    network,
    subnet,
    bridge,
    overlayDevices: [],
    externalDevice: node.device,
  });
  return untouched !== "whole" ? [] : [{
    subject: bridge,
    variant: "none",
    arguments: {},
    evidence,
    commands: [
      "systemctl edit flanneld   # flanneld … --ip-masq",
      "systemctl restart flanneld",
    ],
  }];
}
