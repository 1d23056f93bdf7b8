import { valueOf } from "../../snapshot/fact.ts";
import {
  BOOT_PROTOCOL,
  FLANDOC_PROTOCOL,
  RA_PROTOCOL,
} from "../../flannel/kernel.ts";
import type { Link, Route } from "../../flannel/kernel.ts";
import { MAIN_TABLE } from "../../flannel/kernel.ts";
import { routeDevices } from "../../flannel/route_decision.ts";
import { defineCheck, type Finding } from "../check.ts";
import { deviceSysctl, setSysctlCommands } from "./device_sysctl.ts";

const GLOBAL = "net.ipv4.ip_forward";
const GLOBAL_V6 = "net.ipv6.conf.all.forwarding";

/** Names that Docker's and CNI's bridge and flannel's devices have. */
const CONTAINER_DEVICE = /^(docker0|cni0|flannel)/;

function isOverlayRoute(route: Route): boolean {
  return route.table === MAIN_TABLE && route.gateway !== null &&
    (route.protocol === BOOT_PROTOCOL || route.protocol === FLANDOC_PROTOCOL);
}

function isDefault(route: Route): boolean {
  return route.table === MAIN_TABLE && route.dst === "0.0.0.0/0";
}

/**
 * Devices that container packets come in by: bridges, tunnels, and where
 * routes to peers and to the world lead. Told from the kernel alone, so that
 * this is judged also while the records cannot be read.
 */
function carryingDevices(
  links: readonly Link[],
  routes: readonly Route[],
): string[] {
  const routed = routes
    .filter((r) => r.family === 4 && (isOverlayRoute(r) || isDefault(r)))
    .flatMap((r) => [r.device, ...(r.nexthops ?? []).map((hop) => hop.device)]);
  const wanted = new Set(routed);
  return links
    .filter((link) => !link.loopback)
    .filter((link) => wanted.has(link.name) || CONTAINER_DEVICE.test(link.name))
    .map((link) => link.name);
}

function hasIpv6Overlay(
  links: readonly Link[],
  routes: readonly Route[],
): boolean {
  return links.some((link) => link.name.startsWith("flannel-v6")) ||
    routes.some((r) => r.family === 6 && isOverlayRoute(r) && r.dst !== "::/0");
}

/**
 * The accept_ra of devices by which router advertisements gave this host its
 * IPv6 default route: with forwarding on, the kernel drops that route and
 * takes no other unless accept_ra is 2. Where it is 0, a program hears the
 * routers and not the kernel.
 */
function advertised(
  routes: readonly Route[],
  sysctls: Readonly<Record<string, string>>,
): string[] {
  const devices = routes.filter((route) =>
    route.family === 6 && route.dst === "::/0" && route.protocol === RA_PROTOCOL
  ).flatMap(routeDevices);
  return [...new Set(devices)]
    .map((device) => deviceSysctl(device, "accept_ra", 6))
    .filter((key) => sysctls[key] !== "0" && sysctls[key] !== "2");
}

/** IPv6 forwarding is off; what is to be set before it comes first. */
function ipv6Off(
  routes: readonly Route[],
  sysctls: Readonly<Record<string, string>>,
): Finding {
  const finding = off("ipv6", GLOBAL_V6, "all");
  const keys = advertised(routes, sysctls);
  if (keys.length === 0) return finding;
  return {
    ...finding,
    variant: "ipv6-advertised",
    arguments: { ...finding.arguments, settings: keys },
    evidence: [
      ...keys.map((key) => ({
        label: "sysctl",
        text: `${key} = ${sysctls[key] ?? "?"}`,
      })),
      ...keys.map((key) => ({ label: "wanted", text: `${key} = 2` })),
      ...finding.evidence,
    ],
    commands: [
      ...keys.flatMap((key) => setSysctlCommands(key, "2")),
      ...finding.commands,
    ],
  };
}

function off(variant: string, key: string, device: string): Finding {
  return {
    subject: `${key} = 0`,
    variant,
    arguments: { key, device },
    evidence: [
      { label: "sysctl", text: `${key} = 0` },
      { label: "wanted", text: `${key} = 1` },
    ],
    commands: setSysctlCommands(key, "1"),
  };
}

/** FD701: the kernel does not forward what containers send. */
export const IP_FORWARD_OFF = defineCheck({
  code: "FD701",
  name: "ip-forward-off",
  severity: "error",
  needs: ["sysctls", "links", "routes"],
  fix: "sysctl",
  applies(facts) {
    const sysctls = valueOf(facts.sysctls);
    return sysctls && sysctls[GLOBAL] === undefined ? "absent" : undefined;
  },
  judge({ sysctls, links, routes }) {
    const findings: Finding[] = [];
    const carrying = carryingDevices(links, routes).map((device) => ({
      device,
      key: deviceSysctl(device, "forwarding"),
    }));
    const still = carrying.filter(({ key }) => sysctls[key] === "0");
    // A device's own value is what the kernel asks for: systemd-networkd sets
    // that of single links and leaves the global one off.
    const forwards = carrying.some(({ key }) => sysctls[key] === "1");
    if (sysctls[GLOBAL] === "0" && !forwards) {
      findings.push(off("global", GLOBAL, "all"));
    } else {
      for (const { device, key } of still) {
        findings.push(off("device", key, device));
      }
    }
    if (sysctls[GLOBAL_V6] === "0" && hasIpv6Overlay(links, routes)) {
      findings.push(ipv6Off(routes, sysctls));
    }
    return findings;
  },
  text: {
    en: {
      title: "IP forwarding is off",
      messages: {
        global:
          "The kernel forwards no IPv4 packets ({key} is 0): containers here reach neither other hosts nor the world, and nobody reaches them.",
        device:
          "The kernel forwards nothing that comes in by {device} ({key} is 0), though it forwards what comes in by others: container traffic arriving there is dropped.",
        ipv6:
          "The kernel forwards no IPv6 packets ({key} is 0), and this host carries an IPv6 overlay.",
        "ipv6-advertised":
          "The kernel forwards no IPv6 packets ({key} is 0), and this host carries an IPv6 overlay. Its IPv6 default route comes from router advertisements: set {settings} to 2 first, or the route goes as soon as forwarding is on.",
      },
      meaning:
        "Between its container bridge and its external or tunnel device a host is a router, so the kernel has to forward. flannel never sets this; Docker and the CNI bridge plugin switch it on when they start, and whatever applies sysctl files afterwards (a network restart, a hardening script, `sysctl --system`) may switch it off again. The value that counts is that of the device a packet comes in by; writing the global one sets all of them.",
      symptoms:
        "Hosts reach each other and their own containers; containers reach only their own host. It often starts after `systemctl restart network` or a security hardening run.",
      repair:
        "Switch it on, and keep it on over a reboot with a file that sorts after the one that switched it off:\n" +
        "  sysctl -w net.ipv4.ip_forward=1\n" +
        "  echo 'net.ipv4.ip_forward = 1' >> /etc/sysctl.d/zz-flandoc.conf\n" +
        "To see which file sets it to 0:\n" +
        "  grep -rs 'ip_forward\\|forwarding' /etc/sysctl.conf /etc/sysctl.d /run/sysctl.d /usr/lib/sysctl.d\n" +
        "Writing the global value resets the devices' accept_redirects and similar to a router's values. With IPv6 forwarding on, the kernel ignores router advertisements unless accept_ra is 2 on that device; set that first where the default route comes from them.",
      skips: {
        absent: "the kernel's forwarding sysctls could not be read",
      },
    },
    zh: {
      title: "内核未开启 IP 转发",
      messages: {
        global:
          "内核不转发 IPv4 报文（{key} 为 0）：本机容器既到不了其他主机，也出不了外网，外面也访问不到这些容器。",
        device:
          "内核转发从其他设备进来的报文，但不转发从 {device} 进来的（{key} 为 0），由该设备进来的容器流量会被丢弃。",
        ipv6:
          "内核不转发 IPv6 报文（{key} 为 0），而本机承载着 IPv6 容器网络。",
        "ipv6-advertised":
          "内核不转发 IPv6 报文（{key} 为 0），而本机承载着 IPv6 容器网络。本机的 IPv6 默认路由来自路由通告：请先把 {settings} 设为 2，否则转发一打开，该路由就会消失。",
      },
      meaning:
        "容器网桥与外部网卡（或隧道设备）之间，主机就是一台路由器，所以内核必须转发。flannel 从不设置这个参数；Docker 和 CNI 的 bridge 插件启动时会打开它，而之后重新加载 sysctl 的操作（重启网络、安全加固脚本、`sysctl --system`）可能又把它关掉。真正起作用的是报文入接口上的取值；写全局值会同时改写所有接口。",
      symptoms:
        "主机之间能通，主机与自己的容器能通，但容器出不了本机。常见于执行 `systemctl restart network` 或安全加固之后。",
      repair: "打开转发，并用一个排序靠后的文件保证重启后依然有效：\n" +
        "  sysctl -w net.ipv4.ip_forward=1\n" +
        "  echo 'net.ipv4.ip_forward = 1' >> /etc/sysctl.d/zz-flandoc.conf\n" +
        "查找是哪个文件把它设成了 0：\n" +
        "  grep -rs 'ip_forward\\|forwarding' /etc/sysctl.conf /etc/sysctl.d /run/sysctl.d /usr/lib/sysctl.d\n" +
        "写全局值会把各接口的 accept_redirects 等参数重置为路由器的默认值。开启 IPv6 转发后，除非该接口的 accept_ra 为 2，否则内核不再接收路由通告；如果默认路由来自路由通告，请先设置 accept_ra。",
      skips: {
        absent: "读不到内核的转发参数",
      },
    },
  },
  sources: [
    "https://www.kernel.org/doc/Documentation/networking/ip-sysctl.rst",
    "https://github.com/kubernetes-sigs/kubespray/pull/680",
    "https://github.com/weaveworks/weave/issues/3280",
    "https://github.com/Azure/acs-engine/issues/3394",
  ],
});
