import type { Lease } from "../../flannel/lease.ts";
import {
  isOnLinkRoute,
  type RouteDecider,
  routeDecider,
  routeDevices,
} from "../../flannel/route_decision.ts";
import { formatRoute } from "../../flannel/format.ts";
import type { Route } from "../../flannel/kernel.ts";
import type { ExpectedState, LocalNode } from "../../flannel/expected_types.ts";
import { valueOf } from "../../snapshot/fact.ts";
import { defineCheck, type Finding } from "../check.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { isDirect, NO_ROUTES, onLinkOn, sentTo } from "./route_facts.ts";

/** Peers shown as evidence. */
const SHOWN = 5;

/** A peer and the route that packets to its public IP take. */
interface Away {
  readonly address: string;
  readonly route: Route;
}

/** Public addresses that packets go to, in the families that are routed. */
function publicAddresses(
  peers: readonly Lease[],
  expected: ExpectedState,
): string[] {
  const families = new Set(expected.routes.map(({ family }) => family));
  return peers.flatMap(({ attributes: { publicIP, publicIPv6 } }) => [
    ...(families.has(4) && publicIP !== "0.0.0.0" ? [publicIP] : []),
    ...(families.has(6) && publicIPv6 !== null ? [publicIPv6] : []),
  ]);
}

/** Peers by the device that packets to their public addresses leave by. */
function peersAway(
  addresses: readonly string[],
  node: LocalNode,
  decide: RouteDecider,
): { away: Map<string, Away[]>; unreachable: string[] } {
  const away = new Map<string, Away[]>();
  const unreachable: string[] = [];
  for (const address of addresses) {
    const source = address.includes(":") ? node.ipv6Address : node.address;
    const decision = decide({ destination: address, source });
    const route = decision?.route ?? null;
    if (
      route === null || (route.type !== "unicast" && route.type !== "local")
    ) {
      unreachable.push(address);
      continue;
    }
    // One of our own addresses is FD209's and FD212's matter.
    const devices = routeDevices(route);
    if (route.type === "local" || devices.includes(node.device)) continue;
    const device = devices.join(", ");
    const list = away.get(device);
    if (list === undefined) away.set(device, [{ address, route }]);
    else list.push({ address, route });
  }
  return { away, unreachable };
}

function otherInterface(
  device: string,
  list: readonly Away[],
  total: number,
  node: LocalNode,
  needsRoute: (address: string) => boolean,
): Finding {
  // Peers in a segment of another interface: the published address is on the
  // wrong network. Behind a router several networks may be meant, unless a
  // peer has to be a next hop here.
  const near = list.some(({ route }) => isOnLinkRoute(route));
  const isWrong = near || list.some(({ address }) => needsRoute(address));
  return {
    subject: device,
    variant: near ? "default" : "routed",
    arguments: {
      other: device,
      device: node.device,
      publicIP: node.publicIP ?? node.publicIPv6 ?? "",
      count: list.length,
      total,
      peers: list.map(({ address }) => address),
    },
    evidence: list.slice(0, SHOWN).map(({ address, route }) => ({
      label: "route",
      text: `${address}: ${formatRoute(route)}`,
    })),
    commands: [`ip route get ${list[0]!.address}`],
    ...(isWrong ? {} : { severity: "warning" }),
  };
}

/** FD407: peers are reached by another interface than flannel's. */
export const PEER_OTHER_INTERFACE = defineCheck({
  code: "FD407",
  name: "peer-other-interface",
  severity: "error",
  needs: ["leases", "expected", "node", "routes", "rules"],
  after: [...STATE_CAUSES, "FD406"],
  applies(facts) {
    const leases = valueOf(facts.leases);
    const expected = valueOf(facts.expected);
    const node = valueOf(facts.node);
    if (!leases || !expected || !node) return undefined;
    const peers = sentTo(leases, expected, node);
    return peers.length === 0 || expected.routes.length === 0
      ? "no-routes"
      : undefined;
  },
  judge({ leases, expected, node, routes, rules }) {
    const peers = publicAddresses(sentTo(leases, expected, node), expected);
    const { away, unreachable } = peersAway(
      peers,
      node,
      routeDecider(routes, rules),
    );
    const isNear = onLinkOn(routes, node.device);
    const hops = new Set(
      expected.routes.filter((route) => isDirect(route, node))
        .map((route) => route.gateway),
    );
    const findings = [...away].map(([device, list]) =>
      otherInterface(
        device,
        list,
        peers.length,
        node,
        (address) => hops.has(address) && !isNear(address),
      )
    );
    if (unreachable.length === 0) return findings;
    return [...findings, {
      subject: unreachable[0]!,
      variant: "unreachable",
      arguments: {
        count: unreachable.length,
        total: peers.length,
        device: node.device,
        peers: unreachable,
      },
      evidence: unreachable.slice(0, SHOWN).map((text) => ({
        label: "address",
        text,
      })),
      commands: [`ip route get ${unreachable[0]}`],
    }];
  },
  text: {
    en: {
      title: "Peers are reached by another interface",
      messages: {
        default:
          "{count} of {total} peers are in the segment of {other}, while flannel here uses {device} and publishes {publicIP}: they send their packets to the wrong network. Most likely flanneld needs --iface={other}.",
        routed:
          "Packets to {count} of {total} peers leave by {other}, while flannel here uses {device} and publishes {publicIP}: traffic takes different ways in the two directions.",
        unreachable:
          "The kernel has no route to the public IP of {count} of {total} peers: nothing can be sent there, by whatever backend.",
      },
      meaning:
        "Without --iface flanneld takes the interface of the default route and publishes its first address; peers send there. On hosts with two networks that is often the wrong one: Vagrant's NAT interface, a cloud's public network, a VPN that came up first. When the kernel reaches the peers by another interface, the published address and the way back do not fit together.",
      symptoms:
        "Every host is up and no container reaches another host; `ip -d link show flannel.1` has a `local` address that the peers cannot reach.",
      repair:
        `See which way the kernel takes, and give flanneld that interface, on every host:
  ip route get 192.168.1.11
  flanneld --iface=eth1 …
The lease then gets another public IP; restart flanneld, and Docker after it if the subnet changed.`,
      skips: NO_ROUTES.en,
    },
    zh: {
      title: "通往对端的不是 flannel 所用的网卡",
      messages: {
        default:
          "{total} 个对端中有 {count} 个在 {other} 所在的网段，而本机 flannel 使用的是 {device}，公布的地址是 {publicIP}：对端会把报文发往错误的网络。很可能需要给 flanneld 加上 --iface={other}。",
        routed:
          "发往 {total} 个对端中 {count} 个的报文从 {other} 发出，而本机 flannel 使用的是 {device}，公布的地址是 {publicIP}：来回两个方向走的路径不同。",
        unreachable:
          "内核没有到 {total} 个对端中 {count} 个的公共 IP 的路由：无论哪种后端，都无法向它们发送报文。",
      },
      meaning:
        "不指定 --iface 时，flanneld 使用默认路由所在的网卡，并公布它的第一个地址，对端就往这里发送。主机接了两个网络时，这往往是错的那一个：Vagrant 的 NAT 网卡、云主机的公网网卡、先启动的 VPN。当内核经另一块网卡到达对端时，公布的地址与回程路径就对不上了。",
      symptoms:
        "所有主机都正常，但任何容器都到不了其他主机；`ip -d link show flannel.1` 显示的 local 地址是对端访问不到的。",
      repair: `查看内核实际走哪块网卡，并在每台主机上让 flanneld 使用它：
  ip route get 192.168.1.11
  flanneld --iface=eth1 …
租约中的公共 IP 会随之改变；重启 flanneld，如果子网变了还要重启 Docker。`,
      skips: NO_ROUTES.zh,
    },
  },
  sources: [
    flannelIssue(98),
    flannelIssue(871),
    flannelIssue(1379),
    flannelIssue(1192),
    githubIssue("k3s-io/k3s", 1824),
    githubIssue("k3s-io/k3s", 4847),
  ],
});
