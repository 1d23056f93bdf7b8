import { type Check, defineCheck, type Finding } from "../check.ts";
import { etcdctl } from "../etcdctl.ts";
import { SKIPS, unlessEtcd } from "../skips.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { endpointLine } from "./store_unreachable.ts";
import type { Known } from "../../snapshot/facts.ts";
import type { EndpointHealth } from "../../stores/store.ts";

type Needs = "endpoints" | "settings";

/** FD203: etcd serves this host, but not as a whole and healthy cluster. */
export const STORE_DEGRADED: Check = defineCheck<Needs>({
  code: "FD203",
  name: "store-degraded",
  severity: "warning",
  needs: ["endpoints", "settings"],
  after: ["FD201"],
  applies: unlessEtcd,
  judge(facts) {
    const reachable = facts.endpoints.filter((endpoint) => endpoint.reachable);
    return [
      ...facts.endpoints.filter((endpoint) => !endpoint.reachable)
        .map((endpoint) => memberDown(endpoint, facts)),
      ...reachable.flatMap((endpoint) => memberFindings(endpoint, facts)),
      ...clusterFindings(reachable),
    ];
  },
  text: {
    en: {
      title: "Part of etcd is in trouble",
      messages: {
        down:
          "The etcd endpoint {endpoint} cannot be used; {reachable} of {count} can.",
        "no-leader":
          "The etcd member at {endpoint} has no leader: nothing can be written, so no lease can be renewed.",
        unhealthy: "The etcd member at {endpoint} says it is not healthy.",
        nospace:
          "etcd at {endpoint} has the alarm NOSPACE: its database has reached its quota and every write is refused, renewals of leases too.",
        corrupt:
          "etcd at {endpoint} has the alarm CORRUPT: its data differs from the other members'.",
        alarm: "etcd at {endpoint} has the alarm {alarm}.",
        "no-v2":
          "etcd at {endpoint} does not serve the v2 API that flannel reads here, though other endpoints do.",
        clusters:
          "The endpoints belong to {count} different etcd clusters ({clusters}): each holds other leases, and which of them a host sees is chance.",
      },
      meaning:
        "One endpoint that answers is enough for flannel, which tries the others in turn. But a cluster that has lost a member may lose its majority with the next one, and one without a leader or without space takes no writes: leases then run out though everything can be read.",
      symptoms:
        'Starts of flanneld are slow or fail now and then; "Error renewing lease" in its log; etcdctl shows other keys at one endpoint than at another.',
      repair: `Look at each member:
  etcdctl --endpoints=… endpoint health
  etcdctl --endpoints=… endpoint status -w table
NOSPACE: compact and defragment, then clear the alarm:
  etcdctl compact REVISION && etcdctl defrag && etcdctl alarm disarm
Different clusters: take the endpoints that are not of this one out of --etcd-endpoints on every host.`,
      skips: SKIPS.en,
    },
    zh: {
      title: "etcd 部分异常",
      messages: {
        down:
          "etcd 端点 {endpoint} 不可用；{count} 个端点中有 {reachable} 个可用。",
        "no-leader":
          "{endpoint} 处的 etcd 成员没有 leader：无法写入，租约也就无法续期。",
        unhealthy: "{endpoint} 处的 etcd 成员报告自身不健康。",
        nospace:
          "{endpoint} 处的 etcd 有 NOSPACE 告警：数据库已达配额，拒绝一切写入，租约也无法续期。",
        corrupt:
          "{endpoint} 处的 etcd 有 CORRUPT 告警：其数据与其他成员不一致。",
        alarm: "{endpoint} 处的 etcd 有 {alarm} 告警。",
        "no-v2":
          "{endpoint} 处的 etcd 没有提供本机 flannel 所需的 v2 API，而其他端点提供。",
        clusters:
          "这些端点分属 {count} 个不同的 etcd 集群（{clusters}）：各集群中的租约不同，主机看到哪一个全凭运气。",
      },
      meaning:
        "对 flannel 来说，有一个端点应答就够了，它会依次尝试其余端点。但失去一个成员的集群，再失去一个就可能没有多数派；没有 leader 或没有空间的集群不接受写入：一切都读得到，租约却会过期。",
      symptoms:
        "flanneld 启动缓慢或偶尔失败；日志中出现 “Error renewing lease”；用 etcdctl 访问不同端点看到的键不一样。",
      repair: `逐个检查成员：
  etcdctl --endpoints=… endpoint health
  etcdctl --endpoints=… endpoint status -w table
NOSPACE：压缩、整理碎片，再解除告警：
  etcdctl compact 版本号 && etcdctl defrag && etcdctl alarm disarm
分属不同集群：在每台主机的 --etcd-endpoints 中去掉不属于本集群的端点。`,
      skips: SKIPS.zh,
    },
  },
  sources: [
    flannelIssue(390),
    flannelIssue(343),
    githubIssue("etcd-io/etcd", 6046),
    "https://etcd.io/docs/v3.4/op-guide/maintenance/",
  ],
});

function finding(
  endpoint: EndpointHealth,
  { settings }: Known<Needs>,
  variant: string,
  args: Finding["arguments"] = {},
): Finding {
  const grave = variant === "no-leader" || variant === "nospace" ||
    variant === "corrupt";
  return {
    subject: endpoint.endpoint,
    variant,
    ...(grave ? { severity: "error" } : {}),
    arguments: { endpoint: endpoint.endpoint, ...args },
    evidence: [{ label: "endpoint", text: endpointLine(endpoint) }],
    commands: [etcdctl(settings, "health")],
  };
}

function memberDown(endpoint: EndpointHealth, facts: Known<Needs>): Finding {
  const { endpoints } = facts;
  return finding(endpoint, facts, "down", {
    count: endpoints.length,
    reachable: endpoints.filter((other) => other.reachable).length,
  });
}

function memberFindings(
  endpoint: EndpointHealth,
  facts: Known<Needs>,
): Finding[] {
  const findings: Finding[] = [];
  if (endpoint.hasLeader === false) {
    findings.push(finding(endpoint, facts, "no-leader"));
  } else if (endpoint.healthy === false && endpoint.alarms.length === 0) {
    findings.push(finding(endpoint, facts, "unhealthy"));
  }
  for (const alarm of endpoint.alarms) {
    const name = alarm.toLowerCase();
    const known = name === "nospace" || name === "corrupt";
    findings.push(
      finding(endpoint, facts, known ? name : "alarm", { alarm }),
    );
  }
  if (facts.settings.store.value === "etcd-v2" && endpoint.v2 === false) {
    findings.push(finding(endpoint, facts, "no-v2"));
  }
  return findings;
}

function clusterFindings(reachable: readonly EndpointHealth[]): Finding[] {
  const clusters = new Set(
    reachable.flatMap((endpoint) => endpoint.clusterId ?? []),
  );
  if (clusters.size < 2) return [];
  return [{
    subject: [...clusters].join(" "),
    variant: "clusters",
    severity: "error",
    arguments: { count: clusters.size, clusters: [...clusters] },
    evidence: reachable.map((endpoint) => ({
      label: "endpoint",
      text: endpointLine(endpoint),
    })),
    commands: [],
  }];
}
