import { deleteRouteCommand, formatRoute } from "../../flannel/format.ts";
import type { StaleRoute } from "../../flannel/route_stale.ts";
import { defineCheck, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import { staleRoutes } from "./route_facts.ts";

/** Routes shown of a grouped finding. */
const SHOWN = 5;

function stale({ route }: StaleRoute): Finding {
  return {
    subject: route.dst,
    arguments: {
      subnet: route.dst,
      gateway: route.gateway ?? "",
      device: route.device ?? "",
    },
    evidence: [{ label: "route", text: formatRoute(route) }],
    commands: [deleteRouteCommand(route)],
  };
}

/** FD403: a route of flannel's look whose subnet nobody has leased. */
export const ROUTE_STALE = defineCheck({
  code: "FD403",
  name: "route-stale",
  severity: "warning",
  needs: [
    "expected",
    "routes",
    "rules",
    "config",
    "node",
    "leases",
    "leaseRecords",
  ],
  // Without the own lease in the list, the list may not be whole.
  after: [...STATE_CAUSES, "FD204"],
  fix: "routes",
  judge(facts) {
    return groupFindings(staleRoutes(facts), stale, (all) => ({
      subject: facts.config.ipv4?.network ?? facts.config.ipv6?.network ?? "",
      variant: "many",
      arguments: {
        count: all.length,
        subnets: all.map(({ route }) => route.dst),
      },
      evidence: all.slice(0, SHOWN).map(({ route }) => ({
        label: "route",
        text: formatRoute(route),
      })),
      commands: [],
    }));
  },
  text: {
    en: {
      title: "Route to a subnet that nobody has leased",
      messages: {
        default:
          "The route to {subnet} via {gateway} has no lease any more: that host is gone, or has another subnet now.",
        many: "{count} routes lead to subnets that nobody has leased any more.",
      },
      meaning:
        "flanneld deletes a peer's route when it sees the lease end. It never cleans what ended while it was not running, and an event can be lost. Such a route does no harm until somebody gets the subnet again, or until the same address serves another purpose; then packets go to the wrong host. Only routes that look exactly like flannel's (in the network, of a subnet's length, protocol boot, over the external interface or the tunnel) count; static routes of an administrator do not.",
      symptoms:
        "Usually none. When the subnet is leased again: one host cannot reach it while the others can.",
      repair:
        `Be sure that the leases were read completely (FD204 and FD206 are ok), then delete the route:
  ip route del 172.7.24.0/24 via 192.168.1.13 dev eth0`,
    },
    zh: {
      title: "路由指向的子网已无人租用",
      messages: {
        default:
          "经 {gateway} 到 {subnet} 的路由已经没有对应的租约：那台主机已下线，或者换了子网。",
        many: "有 {count} 条路由指向的子网已无人租用。",
      },
      meaning:
        "flanneld 看到租约结束时会删除对应的路由，但它停止运行期间结束的租约，它之后不会再清理，事件也可能丢失。这样的路由平时无害，直到该子网被重新分配，或者那个地址另作他用，报文才会发往错误的主机。这里只统计与 flannel 所建路由完全同形的路由（在容器网段内、前缀长度等于子网长度、protocol 为 boot、经外部网卡或隧道设备），管理员自己的静态路由不在其列。",
      symptoms:
        "通常没有现象。等到该子网被重新租用时，会出现某一台主机访问不了、其他主机正常的情况。",
      repair: `先确认租约已完整读取（FD204、FD206 均正常），再删除路由：
  ip route del 172.7.24.0/24 via 192.168.1.13 dev eth0`,
    },
  },
  sources: [
    flannelIssue(533),
    flannelIssue(654),
    flannelIssue(636),
    flannelIssue(322),
    flannelPull(1247),
  ],
});
