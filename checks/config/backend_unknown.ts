import { etcdctl } from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { versionInUse } from "../../flannel/version_in_use.ts";
import { oneLine } from "../one_line.ts";
import { flannelIssue } from "../sources.ts";
import {
  backendSpecification,
  backendSupport,
  backendTypes,
  nearestName,
} from "../../flannel/config_options.ts";
import type { Known } from "../../snapshot/facts.ts";

type Needs = "config" | "configRecord" | "settings" | "processes";

/** FD105: the backend is one this flannel does not have, or none is named. */
export const BACKEND_UNKNOWN: Check = defineCheck<Needs>({
  code: "FD105",
  name: "backend-unknown",
  severity: "error",
  needs: ["config", "configRecord", "settings", "processes"],
  after: CONFIG_CAUSES,
  judge(facts) {
    const { config, settings, processes } = facts;
    const type = config.backendType;
    const version = versionInUse(processes, settings.store.value);
    if (!config.backendGiven) return [finding(facts, "udp-by-default", {})];
    if (type === "") return [finding(facts, "type-missing", {})];
    const known = backendTypes(version);
    switch (backendSupport(type, version)) {
      case "supported":
        return [];
      case "not-in-version":
        return [notInVersion(facts, version, known)];
      case "unknown": {
        const nearest = nearestName(type, known);
        return [
          finding(facts, nearest === null ? "default" : "misspelt", {
            nearest: nearest ?? "",
            known,
          }),
        ];
      }
    }
  },
  text: {
    en: {
      title: "Backend unknown to flannel",
      messages: {
        default:
          'flannel has no backend "{type}": flanneld ends at start. It has {known}.',
        misspelt:
          'flannel has no backend "{type}": flanneld ends at start. {nearest} is one.',
        "not-yet":
          'flannel {version} has no backend "{type}" yet, it came with v{since}: flanneld ends at start.',
        removed:
          'flannel {version} has no backend "{type}" any more, it went with v{until}: flanneld ends at start.',
        "type-missing":
          "The config has a Backend without a Type: flanneld ends at start.",
        "udp-by-default":
          "The config names no Backend, and flannel then takes udp, its slowest: every packet goes through the flanneld process.",
      },
      meaning:
        "Backend.Type says how packets travel between hosts: host-gw by routes on one segment, vxlan by a kernel tunnel, udp by a tunnel in the flanneld process. Upper and lower case do not matter. Without a Backend flannel takes udp, though its documents say vxlan.",
      symptoms:
        'flanneld logs "Error fetching backend: unknown backend type" and ends. With udp by default: a device flannel0, an MTU of 1472, high CPU use of flanneld, and a network that stops when flanneld stops.',
      repair:
        `Name the backend and restart flanneld on every host, one after the other; hosts with different backends do not reach each other:
  etcdctl set /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "vxlan"}}'
host-gw where all hosts share one layer 2 segment, vxlan elsewhere. After a change restart Docker too: the MTU changes.`,
    },
    zh: {
      title: "flannel 没有这种后端",
      messages: {
        default:
          "flannel 没有名为“{type}”的后端，flanneld 启动后会退出。可用的后端：{known}。",
        misspelt:
          "flannel 没有名为“{type}”的后端，flanneld 启动后会退出。是否想写 {nearest}？",
        "not-yet":
          "flannel {version} 还没有后端“{type}”（v{since} 才加入），flanneld 启动后会退出。",
        removed:
          "flannel {version} 已不再有后端“{type}”（v{until} 起移除），flanneld 启动后会退出。",
        "type-missing": "配置中的 Backend 没有写 Type，flanneld 启动后会退出。",
        "udp-by-default":
          "配置没有写 Backend，flannel 便会使用最慢的 udp：每个报文都要经过 flanneld 进程转发。",
      },
      meaning:
        "Backend.Type 决定报文如何在主机之间传送：host-gw 在同一个二层网段内靠路由，vxlan 靠内核隧道，udp 靠 flanneld 进程里的隧道。名称不区分大小写。没有写 Backend 时 flannel 使用 udp，尽管文档说是 vxlan。",
      symptoms:
        "flanneld 打印 “Error fetching backend: unknown backend type” 后退出。默认落到 udp 时：出现设备 flannel0，MTU 为 1472，flanneld 占用大量 CPU，flanneld 一停网络就断。",
      repair: `写明后端，再逐台重启 flanneld；后端不同的主机之间互不相通：
  etcdctl set /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "vxlan"}}'
所有主机处在同一个二层网段时可用 host-gw，否则用 vxlan。更换后端后还要重启 Docker，因为 MTU 会变。`,
    },
  },
  sources: [flannelIssue(1267), flannelIssue(802), flannelIssue(180)],
});

function notInVersion(
  facts: Known<Needs>,
  version: string,
  known: readonly string[],
): Finding {
  const { since, until } = backendSpecification(facts.config.backendType)!;
  const removed = until !== undefined && known.length > 0 &&
    backendSupport(facts.config.backendType, "0.11.0") === "supported";
  return finding(facts, removed ? "removed" : "not-yet", {
    version,
    since: since ?? "",
    until: until ?? "",
  });
}

function finding(
  { config, configRecord, settings }: Known<Needs>,
  variant: string,
  args: Finding["arguments"],
): Finding {
  return {
    subject: `Backend.Type ${config.backendType}`.trim(),
    variant,
    ...(variant === "udp-by-default" ? { severity: "warning" } : {}),
    arguments: { type: config.backendType, ...args },
    evidence: [
      { label: "key", text: configRecord.key },
      { label: "config", text: oneLine(configRecord.text ?? "") },
    ],
    commands: settings.store.value === "kubernetes"
      ? []
      : [etcdctl(settings, "get", configRecord.key)],
  };
}
