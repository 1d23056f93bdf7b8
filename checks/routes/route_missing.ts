import type { WantedRoute } from "../../flannel/expected_types.ts";
import {
  formatWantedRoute,
  replaceRouteCommand,
} from "../../flannel/format.ts";
import type { Link } from "../../flannel/kernel.ts";
import { defineCheck, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import {
  type ContestedRoute,
  deviceTrouble,
  isDirect,
  NO_ROUTES,
  onLinkOn,
  routeDiff,
  type RouteFacts,
  unlessRoutes,
} from "./route_facts.ts";

/** Routes shown of a grouped finding. */
const SHOWN = 5;

function missing(route: WantedRoute): Finding {
  return {
    subject: route.dst,
    arguments: {
      subnet: route.dst,
      peer: route.peer.attributes.publicIP,
      device: route.device ?? "",
    },
    evidence: [{ label: "wanted", text: formatWantedRoute(route) }],
    commands: [replaceRouteCommand(route)],
  };
}

/** Nobody can say from here to which of the hosts the route should lead. */
function contested({ claims }: ContestedRoute): Finding {
  const { dst } = claims[0]!;
  return {
    subject: dst,
    variant: "contested",
    arguments: {
      subnet: dst,
      peers: claims.map(({ peer }) => peer.attributes.publicIP),
    },
    evidence: claims.map((route) => ({
      label: "wanted",
      text: formatWantedRoute(route),
    })),
    commands: [],
    fix: null,
  };
}

/**
 * A function that says whether the kernel would take a route. It refuses one
 * over a device that is down (FD406) or through an address that is not on-link
 * (FD407, FD408).
 */
function taken(
  facts: RouteFacts & { readonly links: readonly Link[] },
): (route: WantedRoute) => boolean {
  const isNear = onLinkOn(facts.routes, facts.node.device);
  return (route) =>
    deviceTrouble(facts.links, route.device) === null &&
    (!isDirect(route, facts.node) || isNear(route.gateway!));
}

/** Missing routes that the kernel would take. */
export function missingRoutes(
  facts: RouteFacts & { readonly links: readonly Link[] },
): WantedRoute[] {
  return routeDiff(facts).missing.filter(taken(facts));
}

/** FD401: a lease without its route. */
export const ROUTE_MISSING = defineCheck({
  code: "FD401",
  name: "route-missing",
  severity: "error",
  needs: ["expected", "routes", "rules", "links", "config", "node"],
  after: STATE_CAUSES,
  fix: "routes",
  applies: unlessRoutes,
  judge(facts) {
    const { expected } = facts;
    const claimed = routeDiff(facts).contested.filter((each) =>
      each.observed === null && each.claims.some(taken(facts))
    );
    const one = groupFindings(missingRoutes(facts), missing, (all) => ({
      subject: facts.config.ipv4?.network ?? facts.config.ipv6?.network ?? "",
      variant: "many",
      arguments: {
        count: all.length,
        total: expected.routes.length,
        subnets: all.map((route) => route.dst),
      },
      evidence: all.slice(0, SHOWN).map((route) => ({
        label: "wanted",
        text: formatWantedRoute(route),
      })),
      commands: [],
    }));
    return [...one, ...claimed.map(contested)];
  },
  text: {
    en: {
      title: "Route to a peer's subnet is missing",
      messages: {
        default:
          "There is no route to {subnet}, which {peer} has leased: containers here cannot reach the containers there.",
        contested:
          "There is no route to {subnet}, which several hosts claim ({peers}): containers here cannot reach theirs. One of them has to take another subnet first: FD208.",
        many:
          "{count} of the {total} routes to other hosts' subnets are missing: containers here cannot reach the containers there.",
      },
      meaning:
        "For every lease of another host the backend has one route: with host-gw through the peer's public IP, with vxlan through the subnet's first address over the tunnel device, with udp one for the whole network. Routes vanish when their device goes down (a network restart, a link flap, a new DHCP lease) and when another program tidies up. flanneld restores host-gw routes within ten seconds; vxlan routes it does not look at again before a peer's lease is renewed or flanneld restarts. Many missing at once mean that flanneld lost its watch or does not run.",
      symptoms:
        "Containers of one peer, or of all, are unreachable from this host, often only in this direction. Packets for them leave by the default route instead.",
      repair:
        `Add the route as flannel would, or restart flanneld, which sets all of them:
  ip route replace 172.7.22.0/24 via 192.168.1.11 dev eth0                   # host-gw
  ip route replace 172.7.22.0/24 via 172.7.22.0 dev flannel.1 onlink         # vxlan
  ip route replace 172.7.0.0/16 dev flannel0                                 # udp
With vxlan the neighbour and FDB entries have to be there too. If routes vanish again, look for a program that manages routes (NetworkManager, systemd-networkd with ManageForeignRoutes).`,
      skips: NO_ROUTES.en,
    },
    zh: {
      title: "缺少到对端子网的路由",
      messages: {
        default:
          "没有到 {subnet} 的路由，该子网由 {peer} 租用：本机容器无法访问那台主机上的容器。",
        contested:
          "没有到 {subnet} 的路由，有多台主机（{peers}）都声称拥有它：本机容器无法访问那里的容器。先要让其中一台换用别的子网，见 FD208。",
        many:
          "到其他主机子网的 {total} 条路由中缺少 {count} 条：本机容器无法访问那些主机上的容器。",
      },
      meaning:
        "其他主机的每个租约在本机都对应一条路由：host-gw 以对端的公共 IP 为网关；vxlan 以子网的首个地址为网关，经隧道设备发出；udp 则整个网段只有一条。设备 down 过（重启网络、链路抖动、DHCP 重新获取地址）或者别的程序清理路由时，这些路由就会消失。host-gw 的路由 flanneld 会在十秒内补回；vxlan 的路由则要等到对端续租或 flanneld 重启。一次缺少很多条，说明 flanneld 的监听已经中断，或者它根本没有运行。",
      symptoms:
        "从本机访问不到某个对端（或所有对端）的容器，而且往往只是这一个方向不通；发往这些容器的报文走了默认路由。",
      repair:
        `按 flannel 的写法补上路由，或者重启 flanneld，它会重新设置全部路由：
  ip route replace 172.7.22.0/24 via 192.168.1.11 dev eth0                   # host-gw
  ip route replace 172.7.22.0/24 via 172.7.22.0 dev flannel.1 onlink         # vxlan
  ip route replace 172.7.0.0/16 dev flannel0                                 # udp
vxlan 还需要对应的邻居表项和 FDB 表项。如果路由再次消失，请检查是否有别的程序在管理路由（NetworkManager，或启用了 ManageForeignRoutes 的 systemd-networkd）。`,
      skips: NO_ROUTES.zh,
    },
  },
  sources: [
    flannelIssue(869),
    flannelIssue(958),
    flannelIssue(1434),
    flannelIssue(1759),
    flannelPull(1718),
    "https://man7.org/linux/man-pages/man8/ip-route.8.html",
  ],
});
