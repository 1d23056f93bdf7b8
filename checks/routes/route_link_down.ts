import type { ExpectedState } from "../../flannel/expected_types.ts";
import type { Link } from "../../flannel/kernel.ts";
import { portRival } from "../../flannel/vxlan_holder.ts";
import { defineCheck, type Finding } from "../check.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import { deviceTrouble, NO_ROUTES, unlessRoutes } from "./route_facts.ts";

/** A link in the words of `ip link`. */
function linkLine(link: Link): string {
  const flags = [
    link.carrier ? "" : "NO-CARRIER",
    link.noArp ? "NOARP" : "",
    link.up ? "UP" : "",
    link.carrier ? "LOWER_UP" : "",
  ].filter((flag) => flag !== "").join(",");
  return `${link.index}: ${link.name}: <${flags}> mtu ${link.mtu} state ${link.operState}`;
}

/** Whether flannel itself makes the device. */
function isTunnel(expected: ExpectedState, device: string): boolean {
  return expected.devices.some(({ name }) => name === device);
}

/**
 * Whether a vxlan device's trouble is another check's: one that is missing with
 * all that is on it is FD505's, one that another keeps down is FD512's.
 */
function isOverlays(
  trouble: "missing" | "down" | "carrier",
  device: string,
  expected: ExpectedState,
  links: readonly Link[],
): boolean {
  const vxlan = expected.devices.find(({ name, kind }) =>
    name === device && kind === "vxlan"
  );
  if (vxlan === undefined) return false;
  return trouble === "missing" ||
    (trouble === "down" && portRival(vxlan, links) !== null);
}

/** A tunnel device loses the peers' neighbours too, which the agent knows. */
function commands(
  trouble: "missing" | "down" | "carrier",
  device: string,
  tunnel: boolean,
): string[] {
  switch (trouble) {
    case "missing":
      return ["systemctl restart flanneld"];
    case "down":
      return [
        `ip link set dev ${device} up`,
        tunnel ? "systemctl restart flanneld" : "flandoc fix --routes",
      ];
    case "carrier":
      return [`ip -s link show dev ${device}`, `ethtool ${device}`];
  }
}

/** FD406: the device of flannel's routes cannot carry them. */
export const ROUTE_LINK_DOWN = defineCheck({
  code: "FD406",
  name: "route-link-down",
  severity: "error",
  needs: ["expected", "links"],
  after: STATE_CAUSES,
  applies: unlessRoutes,
  judge({ expected, links }) {
    const counts = new Map<string, number>();
    for (const { device } of expected.routes) {
      if (device !== null) counts.set(device, (counts.get(device) ?? 0) + 1);
    }
    return [...counts].flatMap(([device, count]): Finding[] => {
      const trouble = deviceTrouble(links, device);
      if (trouble === null) return [];
      if (isOverlays(trouble, device, expected, links)) return [];
      const link = links.find(({ name }) => name === device);
      const tunnel = isTunnel(expected, device);
      const variant = trouble === "missing" && !tunnel ? "gone" : trouble;
      return [{
        subject: device,
        variant,
        arguments: { device, count },
        evidence: link === undefined
          ? []
          : [{ label: "device", text: linkLine(link) }],
        commands: variant === "gone" ? [] : commands(trouble, device, tunnel),
      }];
    });
  },
  text: {
    en: {
      title: "Device of the routes is down",
      messages: {
        missing:
          "{device}, flannel's tunnel device, does not exist. Routes to other hosts that lead nowhere for this reason: {count}.",
        gone:
          "{device}, the external interface, does not exist. Routes to other hosts that lead nowhere for this reason: {count}.",
        down:
          "{device} is down, and the kernel has dropped every route over it. Routes to other hosts that are missing for this reason: {count}.",
        carrier:
          "{device} has no carrier: what is sent there is lost. Routes to other hosts that lead there: {count}.",
      },
      meaning:
        "When a device goes down the kernel deletes all routes over it, and brings none of flannel's back when it comes up again. A tunnel device that somebody deleted is made again by flanneld from v0.27.4 on, but empty; older ones notice nothing until they restart. Missing routes of such a device are not reported one by one.",
      symptoms:
        "All peers unreachable at once, usually right after a network restart, a suspended virtual machine or a switch's reboot; flanneld's log is quiet.",
      repair: `Bring an external interface up, then the routes:
  ip link set dev eth0 up
  flandoc fix --routes
A tunnel device loses the peers' neighbours with its routes, and a missing one everything: flanneld sets all of it anew when it starts.
  ip link set dev flannel.1 up
  systemctl restart flanneld
No carrier: look at cable, switch port and the virtual machine's network card. For udp's flannel0, no carrier means that no flanneld holds it.`,
      skips: NO_ROUTES.en,
    },
    zh: {
      title: "路由所用的设备没有启用",
      messages: {
        missing:
          "flannel 的隧道设备 {device} 不存在：到其他主机的 {count} 条路由无处可去。",
        gone: "外部网卡 {device} 不存在：到其他主机的 {count} 条路由无处可去。",
        down:
          "{device} 处于 down 状态，内核已清除经过它的全部路由：到其他主机的 {count} 条路由因此缺失。",
        carrier:
          "{device} 没有载波（NO-CARRIER）：到其他主机的 {count} 条路由发出的报文全部丢失。",
      },
      meaning:
        "设备 down 时，内核会删除经过它的所有路由，重新 up 之后也不会恢复 flannel 的路由。隧道设备被删除后，v0.27.4 起的 flanneld 会重建设备，但其中没有任何表项；更早的版本在重启之前毫无察觉。因设备而缺失的路由不再逐条报告。",
      symptoms:
        "所有对端同时不通，往往就在重启网络、虚拟机挂起恢复或交换机重启之后；flanneld 的日志里什么也没有。",
      repair: `外部网卡：先启用，再恢复路由：
  ip link set dev eth0 up
  flandoc fix --routes
隧道设备 down 之后，丢失的不只是路由，还有对端的邻居表项；设备被删除则全部丢失。flanneld 启动时会重新设置全部表项：
  ip link set dev flannel.1 up
  systemctl restart flanneld
没有载波：检查网线、交换机端口或虚拟机网卡。对于 udp 的 flannel0，没有载波说明没有 flanneld 进程持有它。`,
      skips: NO_ROUTES.zh,
    },
  },
  sources: [
    flannelIssue(1070),
    flannelIssue(1348),
    flannelIssue(1450),
    flannelPull(2247),
    "https://man7.org/linux/man-pages/man8/ip-link.8.html",
  ],
});
