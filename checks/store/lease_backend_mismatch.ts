import { leaseLine } from "../etcdctl.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { flannelIssue } from "../sources.ts";
import { backendSpecification } from "../../flannel/config_options.ts";
import type { Lease } from "../../flannel/lease.ts";
import { isOwnLease } from "../../flannel/own_lease.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { Known } from "../../snapshot/facts.ts";

type Needs = "node" | "leases" | "config" | "settings";

/** Leases shown of those that differ. */
const SHOWN = 3;

/** Backends whose leases name none: `pkg/backend/udp`, `pkg/backend/alloc`. */
const NAMELESS = ["udp", "alloc"];

/** The backend a lease is for, in words. */
function backendOf({ attributes }: Lease): string {
  return attributes.backendType || NAMELESS.join("/");
}

/** Whether a lease is what the config's backend writes. */
function fits({ attributes }: Lease, backend: string): boolean {
  const { backendType } = attributes;
  return NAMELESS.includes(backend)
    ? backendType === "" || backendType === backend
    : backendType === backend;
}

/** This host still works with the backend it started with. */
function ownFinding(lease: Lease, facts: Known<Needs>): Finding {
  const { config, settings } = facts;
  return {
    subject: lease.key,
    arguments: {
      lease: backendOf(lease),
      backend: config.backendType,
      subnet: lease.subnet ?? lease.ipv6Subnet ?? lease.key,
    },
    evidence: [
      { label: "lease", text: leaseLine(settings, lease) },
      { label: "wanted", text: `"Backend": {"Type": "${config.backendType}"}` },
    ],
    commands: ["systemctl restart flanneld", "systemctl restart docker"],
  };
}

/**
 * Peers that this host's backend leaves alone, and they it.
 *
 * @param all whether there is no other peer
 */
function peersFinding(
  others: readonly Lease[],
  all: boolean,
  { config, settings }: Known<Needs>,
): Finding {
  return {
    subject: others[0]!.key,
    variant: all ? "all-peers" : "peers",
    severity: all ? "error" : "warning",
    alone: true,
    arguments: {
      count: others.length,
      backend: config.backendType,
      peers: others.slice(0, SHOWN).map(({ attributes }) =>
        attributes.publicIP
      ),
      leases: [...new Set(others.map(backendOf))],
    },
    evidence: others.slice(0, SHOWN).map((lease) => ({
      label: "lease",
      text: leaseLine(settings, lease),
    })),
    commands: [],
  };
}

/** FD210: a lease is for another backend than the config's. */
export const LEASE_BACKEND_MISMATCH: Check = defineCheck<Needs>({
  code: "FD210",
  name: "lease-backend-mismatch",
  severity: "error",
  needs: ["node", "leases", "config", "settings"],
  after: [...CONFIG_CAUSES, "FD105", "FD213"],
  // udp by default is a backend all the same.
  follows(facts, cause) {
    const type = valueOf(facts.config)?.backendType ?? "";
    return cause !== "FD105" || backendSpecification(type) === undefined;
  },
  applies(facts) {
    return valueOf(facts.node)?.lease === null ? "no-lease" : undefined;
  },
  judge(facts) {
    const { node, leases, config } = facts;
    const own = node.lease;
    if (own === null) return [];
    if (!fits(own, config.backendType)) return [ownFinding(own, facts)];
    // udp sends to every lease, whatever it is for.
    if (config.backendType === "udp") return [];
    // A lease without an end may be reserved by hand, with the address alone.
    const peers = leases.filter((lease) =>
      !isOwnLease(lease, node) &&
      !(lease.ttl === null && lease.attributes.backendType === "")
    );
    const others = peers.filter((lease) => !fits(lease, config.backendType));
    return others.length === 0
      ? []
      : [peersFinding(others, others.length === peers.length, facts)];
  },
  text: {
    en: {
      title: "Lease of another backend than the config's",
      messages: {
        default:
          "The config says {backend}, but this host has its lease for {lease}: its agent started before the change and goes on as before. Hosts that have restarted since and this one do not reach each other's containers.",
        peers:
          "There are leases for {leases} ({count}: {peers}), while the config and this host have {backend}: this host has no routes to their containers, and they have none to those here.",
        "all-peers":
          "Every other host ({count}: {peers}) has its lease for {leases}, while the config and this host have {backend}: this host reaches no container of another host, and none of theirs reaches those here.",
      },
      meaning:
        "flanneld reads the config once, at its start; a change of the backend in a running network is not supported. It then takes only those peers whose leases carry its own backend's name. So after such a change every host has to be restarted, and until the last one is, the network is in two parts. Routes and devices of the former backend stay in the kernel and go on carrying packets, which hides it. flandoc judges routes, neighbours and the filter once agent and config agree.",
      symptoms:
        "After the config was changed from host-gw to vxlan or back: some pairs of hosts work and others do not, or all goes on as if nothing had been changed.",
      repair:
        `Restart the agent on every host, and Docker after it, since the MTU changes with the backend:
  systemctl restart flanneld
  systemctl restart docker
Or put the former backend back into the config.`,
      skips: { "no-lease": "this host has no lease" },
    },
    zh: {
      title: "租约的后端与网络配置不一致",
      messages: {
        default:
          "网络配置中的后端是 {backend}，而本机的租约是 {lease} 的：本机的代理在修改配置之前启动，仍按原来的方式工作。此后重启过的主机与本机之间，容器互不可达。",
        peers:
          "有 {count} 条租约（{peers}）是 {leases} 的，而网络配置和本机使用 {backend}：本机没有到这些主机上容器的路由，它们也没有到本机容器的路由。",
        "all-peers":
          "其他所有主机（{count} 台：{peers}）的租约都是 {leases} 的，而网络配置和本机使用 {backend}：本机访问不到任何其他主机上的容器，它们也访问不到本机的容器。",
      },
      meaning:
        "flanneld 只在启动时读取一次网络配置，不支持在运行中更换后端。它只接受租约中后端与自己相同的对端。因此更换后端之后必须重启每一台主机上的代理，在最后一台重启之前，网络被分成两半。原后端的路由和设备留在内核中，仍在转发报文，问题因此不易察觉。代理与配置一致之后，flandoc 才会判断路由、邻居和过滤规则。",
      symptoms:
        "把配置从 host-gw 改为 vxlan（或相反）之后：有些主机之间互通，有些不通；或者一切照旧，好像什么都没有改过。",
      repair: `在每台主机上重启代理，随后重启 Docker，因为 MTU 随后端而变：
  systemctl restart flanneld
  systemctl restart docker
或者把网络配置中的后端改回去。`,
      skips: { "no-lease": "本机没有租约" },
    },
  },
  sources: [
    flannelIssue(2554),
    flannelIssue(996),
    flannelIssue(254),
    "https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md",
  ],
});
