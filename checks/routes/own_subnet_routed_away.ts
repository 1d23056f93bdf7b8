import { contains, parseCidr, tryParseCidr } from "../../flannel/cidr.ts";
import type { ExpectedState, LocalNode } from "../../flannel/expected_types.ts";
import { deleteRouteCommand, formatRoute } from "../../flannel/format.ts";
import {
  KERNEL_PROTOCOL,
  MAIN_TABLE,
  type Route,
} from "../../flannel/kernel.ts";
import { isConnected } from "../../flannel/route_owner.ts";
import { routeDevices } from "../../flannel/route_decision.ts";
import { valueOf } from "../../snapshot/fact.ts";
import { defineCheck, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue } from "../sources.ts";
import { routeDiff, type RouteFacts } from "./route_facts.ts";

/** Routes shown of a grouped finding. */
const SHOWN = 3;

/**
 * Routes to a part of the own subnet that leave by the devices of the overlay.
 * Routes to single containers by their own devices (CNI's ptp, Calico) and
 * through a container on the bridge are somebody's right; a blackhole is
 * `--ip-blackhole-route`.
 */
function partsLedAway(
  routes: readonly Route[],
  expected: ExpectedState,
  node: LocalNode,
): Route[] {
  const away = new Set([
    node.device,
    ...expected.devices.map((device) => device.name),
  ]);
  const own = [node.lease?.subnet ?? null, node.lease?.ipv6Subnet ?? null]
    .filter((subnet) => subnet !== null).map(parseCidr);
  return routes.filter((route) => {
    if (route.table !== MAIN_TABLE || route.type !== "unicast") return false;
    const dst = tryParseCidr(route.dst);
    // IPv6 has a route for each own address, the tunnel device's too.
    const isOwnAddress = route.protocol === KERNEL_PROTOCOL &&
      dst?.prefixLength === (route.family === 4 ? 32 : 128);
    return dst !== null && !isOwnAddress &&
      own.some((subnet) =>
        contains(subnet, dst) && dst.prefixLength > subnet.prefixLength
      ) &&
      routeDevices(route).some((device) => away.has(device));
  });
}

/** Every route that leads the own subnet, or a part of it, away. */
export function routesLedAway(facts: RouteFacts): Route[] {
  const { routes, expected, node } = facts;
  return [
    ...new Set([
      ...routeDiff(facts).ownSubnet,
      ...partsLedAway(routes, expected, node),
    ]),
  ];
}

function ledAway(route: Route, node: LocalNode): Finding {
  // Deleting it would cut this host off from a network that it is in.
  const connected = isConnected(route);
  return {
    subject: route.dst,
    arguments: {
      dst: route.dst,
      subnet:
        (route.family === 4 ? node.lease?.subnet : node.lease?.ipv6Subnet) ??
          "",
      gateway: route.gateway ?? "",
      device: routeDevices(route).join(", "),
    },
    evidence: [{ label: "route", text: formatRoute(route) }],
    ...(connected
      ? { variant: "connected", commands: [], fix: null }
      : { commands: [deleteRouteCommand(route)] }),
  };
}

/** FD405: this host's own subnet is routed to another host. */
export const OWN_SUBNET_ROUTED_AWAY = defineCheck({
  code: "FD405",
  name: "own-subnet-routed-away",
  severity: "error",
  needs: ["expected", "routes", "rules", "config", "node"],
  after: [...STATE_CAUSES, "FD204"],
  fix: "routes",
  applies(facts) {
    const node = valueOf(facts.node);
    return node?.lease === null ? "no-lease" : undefined;
  },
  judge(facts) {
    const { node } = facts;
    return groupFindings(
      routesLedAway(facts),
      (route) => ledAway(route, node),
      (all) => ({
        subject: node.lease?.subnet ?? "",
        variant: "many",
        arguments: { subnet: node.lease?.subnet ?? "", count: all.length },
        evidence: all.slice(0, SHOWN).map((route) => ({
          label: "route",
          text: formatRoute(route),
        })),
        commands: [],
      }),
    );
  },
  text: {
    en: {
      title: "Own subnet is routed to another host",
      messages: {
        default:
          "{dst} belongs to this host's own subnet {subnet}, and a route leads it away by {device}: answers to containers here loop or end on another host.",
        connected:
          "{dst} is the network of this host's device {device} and lies inside its own subnet {subnet}: the same addresses stand for hosts there and for containers here.",
        many:
          "{count} routes lead parts of this host's own subnet {subnet} away.",
      },
      meaning:
        "The own subnet lives on the container bridge, whose connected route the kernel makes by itself. A route for it through a gateway or the tunnel device is left over from the time when another host had this subnet, or from another backend. A blackhole route for the own subnet is deliberate (--ip-blackhole-route) and not reported.",
      symptoms:
        "Containers here get no answers, or only those started before the route; traceroute shows a loop between two hosts; mk-docker-opts.sh complains that the routing table already contains the subnet.",
      repair: `Delete the route; flannel does not need it:
  ip route del 172.7.21.0/24 via 192.168.1.13 dev eth0
A route to a part of the subnet may be somebody's who moved one container's address to another host: ask first. The network of a device of this host itself has to move to other addresses, or the overlay network has to (flandoc explain FD107); its route is not to be deleted.
Then look whether another host really uses the same subnet (FD208, FD213).`,
      skips: { "no-lease": "this host has no lease" },
    },
    zh: {
      title: "本机子网被路由到其他主机",
      messages: {
        default:
          "{dst} 属于本机子网 {subnet}，却有一条路由把它经 {device} 引走：发往本机容器的应答会绕圈，或者送到别的主机。",
        connected:
          "{dst} 是本机设备 {device} 所在的网络，又落在本机子网 {subnet} 之内：同一个地址既属于那里的主机，又属于本机的容器。",
        many: "有 {count} 条路由把本机子网 {subnet} 的一部分引向了别处。",
      },
      meaning:
        "本机子网在容器网桥上，其直连路由由内核自动生成。如果还有一条经网关或隧道设备到本机子网的路由，那是以前别的主机使用该子网时留下的，或是更换后端后的残留。针对本机子网的 blackhole 路由是有意设置的（--ip-blackhole-route），不会报告。",
      symptoms:
        "本机容器收不到应答；traceroute 显示报文在两台主机之间来回打转；mk-docker-opts.sh 提示路由表中已经有该子网。",
      repair: `删除该路由即可，flannel 不需要它：
  ip route del 172.7.21.0/24 via 192.168.1.13 dev eth0
如果只涉及子网的一部分，可能是有人把某个容器地址移到了别的主机，请先确认。如果那是本机某个设备所在的网络，则不能删除它的路由，应当让该网络或 overlay 网段换用其他地址（flandoc explain FD107）。
然后检查是否真有另一台主机在使用同一子网（FD208、FD213）。`,
      skips: { "no-lease": "本机没有租约" },
    },
  },
  sources: [
    flannelIssue(2554),
    flannelIssue(996),
    flannelIssue(1289),
    "https://zhangguanzhang.github.io/2025/09/03/flannel-mode-chaos",
  ],
});
