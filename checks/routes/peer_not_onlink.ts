import type { WantedRoute } from "../../flannel/expected_types.ts";
import { formatWantedRoute } from "../../flannel/format.ts";
import type { Route } from "../../flannel/kernel.ts";
import { routeDecider, routeDevices } from "../../flannel/route_decision.ts";
import { valueOf } from "../../snapshot/fact.ts";
import { vxlanCommands } from "../adjacency/vxlan_config.ts";
import { defineCheck, type Finding } from "../check.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { isDirect, onLinkOn } from "./route_facts.ts";

/** Peers shown as evidence. */
const SHOWN = 5;

interface FarPeer {
  readonly wanted: WantedRoute;
  readonly gateway: string;
}

/** The gateway of a route, or of its first hop. */
function gatewayOf(route: Route): string | null {
  return route.gateway ?? route.nexthops?.[0]?.gateway ?? null;
}

/** FD408: host-gw's next hop is behind a router. */
export const PEER_NOT_ONLINK = defineCheck({
  code: "FD408",
  name: "peer-not-onlink",
  severity: "error",
  needs: [
    "expected",
    "node",
    "routes",
    "rules",
    "settings",
    "configRecord",
    "config",
  ],
  after: [...STATE_CAUSES, "FD406"],
  applies(facts) {
    const expected = valueOf(facts.expected);
    const node = valueOf(facts.node);
    if (!expected || !node) return undefined;
    return expected.routes.some((route) => isDirect(route, node))
      ? undefined
      : "no-direct-peers";
  },
  judge(facts) {
    const { expected, node, routes, rules } = facts;
    const direct = expected.routes.filter((route) => isDirect(route, node));
    const isNear = onLinkOn(routes, node.device);
    const decide = routeDecider(routes, rules);
    const far = new Map<string, FarPeer[]>();
    for (const wanted of direct) {
      if (isNear(wanted.gateway!)) continue;
      const route = decide({ destination: wanted.gateway! })?.route ?? null;
      // By another interface, or not at all: FD407.
      const gateway = route === null ? null : gatewayOf(route);
      if (gateway === null || !routeDevices(route!).includes(node.device)) {
        continue;
      }
      const list = far.get(gateway);
      if (list === undefined) far.set(gateway, [{ wanted, gateway }]);
      else list.push({ wanted, gateway });
    }
    return [...far].map(([gateway, list]): Finding => ({
      subject: gateway,
      arguments: {
        gateway,
        device: node.device,
        count: list.length,
        total: direct.length,
        peers: list.map(({ wanted }) => wanted.gateway!),
      },
      evidence: list.slice(0, SHOWN).flatMap(({ wanted }) => [
        {
          label: "found",
          text: `${wanted.gateway} via ${gateway} dev ${node.device}`,
        },
        { label: "wanted", text: formatWantedRoute(wanted) },
      ]),
      commands: vxlanCommands(facts, { directRouting: true }),
    }));
  },
  text: {
    en: {
      title: "host-gw peer is not in the same segment",
      messages: {
        default:
          "{count} of {total} peers are behind the router {gateway}, not on {device}'s segment. host-gw needs every peer as a direct next hop: the kernel refuses these routes. vxlan with DirectRouting encapsulates for these peers only.",
      },
      meaning:
        "host-gw makes a peer's public IP the gateway of its subnet, and the kernel accepts as a gateway only what it reaches without another gateway. Peers in another subnet or availability zone, and hosts whose cloud gives them a /32 address, do not qualify. Adding `onlink` only hides this: the router in between knows nothing of the containers' addresses.",
      symptoms:
        "flanneld's log says `network is unreachable` or `Nexthop has invalid gateway` for some peers; those peers' containers are unreachable, others work.",
      repair:
        `Change the backend for the whole network, then restart flanneld on every host, and Docker, whose MTU changes:
  etcdctl set /coreos.com/network/config '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan","DirectRouting":true}}'
With DirectRouting peers of the own segment are still reached without encapsulation. If only the prefix length on an interface is wrong, correct that instead.`,
      skips: {
        "no-direct-peers": "no peer is reached without encapsulation",
      },
    },
    zh: {
      title: "host-gw 的对端不在同一网段",
      messages: {
        default:
          "{total} 个对端中有 {count} 个在路由器 {gateway} 之后，不在 {device} 所在的网段。host-gw 要求每个对端都是可以直达的下一跳，这些路由会被内核拒绝。开启 DirectRouting 的 vxlan 只对这些对端封装。",
      },
      meaning:
        "host-gw 以对端的公共 IP 作为其子网的网关，而内核只接受不经其他网关就能到达的地址作网关。处于另一个子网或可用区的对端，以及被云平台分配 /32 地址的主机，都不满足这个条件。加上 `onlink` 只是掩盖问题：中间的路由器根本不认识容器的地址。",
      symptoms:
        "flanneld 日志中对部分对端报 `network is unreachable` 或 `Nexthop has invalid gateway`；这些对端的容器不通，其他对端正常。",
      repair:
        `为整个网络更换后端，然后重启所有主机上的 flanneld，由于 MTU 变化，Docker 也要重启：
  etcdctl set /coreos.com/network/config '{"Network":"172.7.0.0/16","Backend":{"Type":"vxlan","DirectRouting":true}}'
开启 DirectRouting 后，同网段的对端仍然不经封装直达。如果只是网卡上的前缀长度配错了，改正前缀长度即可。`,
      skips: {
        "no-direct-peers": "没有不经封装直达的对端",
      },
    },
  },
  sources: [
    githubIssue("k3s-io/k3s", 5013),
    flannelIssue(2160),
    flannelIssue(506),
    flannelIssue(698),
  ],
});
