import type { LocalNode, WantedRoute } from "../../flannel/expected_types.ts";
import {
  type RouteDecider,
  routeDecider,
  routeDevices,
} from "../../flannel/route_decision.ts";
import { valueOf } from "../../snapshot/fact.ts";
import { defineCheck } from "../check.ts";
import { STATE_CAUSES } from "../records.ts";
import { deviceSysctl, setSysctlCommands } from "./device_sysctl.ts";

/** rp_filter in force on a device: the greater of its own and `all`'s. */
function effective(
  sysctls: Readonly<Record<string, string>>,
  device: string,
): number {
  const all = Number(sysctls["net.ipv4.conf.all.rp_filter"] ?? 0);
  const own = Number(sysctls[deviceSysctl(device, "rp_filter")] ?? 0);
  return Math.max(all, own);
}

/** A peer whose packets come in by one device and would be answered by another. */
interface AsymmetricPeer {
  readonly publicIP: string;
  /** Device the answer would take. */
  readonly device: string;
}

/**
 * Peers whose own packets (all outer ones, and what a host itself sends) come
 * in by the external interface while the route back leaves by another.
 */
function asymmetricPeers(
  wanted: readonly WantedRoute[],
  node: LocalNode,
  decide: RouteDecider,
): AsymmetricPeer[] {
  const found: AsymmetricPeer[] = [];
  for (const route of wanted) {
    if (route.family !== 4) continue;
    const { publicIP } = route.peer.attributes;
    const back = decide({ destination: publicIP, source: node.address });
    const devices = back?.route ? routeDevices(back.route) : [];
    if (devices.length === 0 || devices.includes(node.device)) continue;
    found.push({ publicIP, device: devices.join(", ") });
  }
  return found;
}

/** Peers shown as evidence; their number is in the message. */
const SHOWN = 5;

/** FD702: strict reverse path filter where the way back differs. */
export const RP_FILTER_STRICT = defineCheck({
  code: "FD702",
  name: "rp-filter-strict",
  severity: "error",
  needs: ["sysctls", "expected", "node", "routes", "rules"],
  after: [...STATE_CAUSES, "FD406"],
  fix: "sysctl",
  applies(facts) {
    const node = valueOf(facts.node);
    const sysctls = valueOf(facts.sysctls);
    const expected = valueOf(facts.expected);
    // IPv6 has no such filter.
    if (expected && !expected.routes.some(({ family }) => family === 4)) {
      return "no-peers";
    }
    if (!node || !sysctls) return undefined;
    return sysctls[deviceSysctl(node.device, "rp_filter")] === undefined
      ? "absent"
      : undefined;
  },
  judge({ sysctls, expected, node, routes, rules }) {
    if (effective(sysctls, node.device) !== 1) return [];
    const decide = routeDecider(routes, rules);
    const peers = asymmetricPeers(expected.routes, node, decide);
    if (peers.length === 0) return [];
    const key = deviceSysctl(node.device, "rp_filter");
    const all = sysctls["net.ipv4.conf.all.rp_filter"] ?? "0";
    return [{
      subject: `${key} = ${sysctls[key]}`,
      arguments: {
        device: node.device,
        other: [...new Set(peers.map((peer) => peer.device))],
        count: peers.length,
        total: expected.routes.filter((route) => route.family === 4).length,
        peers: peers.map((peer) => peer.publicIP),
      },
      evidence: [
        { label: "sysctl", text: `net.ipv4.conf.all.rp_filter = ${all}` },
        { label: "sysctl", text: `${key} = ${sysctls[key]}` },
        ...peers.slice(0, SHOWN).map((peer) => ({
          label: "route",
          text: `${peer.publicIP} dev ${peer.device}`,
        })),
        { label: "wanted", text: `${key} = 2` },
      ],
      commands: setSysctlCommands(key, "2"),
    }];
  },
  text: {
    en: {
      title: "Strict reverse path filter on an asymmetric path",
      messages: {
        default:
          "{device} filters by reverse path strictly, but the way back to {count} of {total} peers leaves by {other}: the kernel silently drops what these peers send.",
      },
      meaning:
        "With rp_filter 1 the kernel takes a packet only if its answer would leave by the device it came in by. The value in force is the greater of `all` and the device's own. Where the paths are symmetric, as on a host with one network, strict is right and harmless, and flandoc says nothing. On a host with two networks, peers send to the published address while the route back uses the other device, and packets vanish without a trace but the counter IPReversePathFilter. Value 2 asks only that some route back exists.",
      symptoms:
        "One direction works, the other does not; a capture shows the packets arriving and nothing answers; with log_martians on, the kernel log says `martian source`. Counter: `nstat -az TcpExtIPReversePathFilter`.",
      repair: "Loosen the filter on the device, now and for the next boot:\n" +
        "  sysctl -w net.ipv4.conf.eth0.rp_filter=2\n" +
        "  echo 'net.ipv4.conf.eth0.rp_filter = 2' >> /etc/sysctl.d/zz-flandoc.conf\n" +
        "A dot in a device name is written as a slash: net.ipv4.conf.flannel/1.rp_filter. Or make the path symmetric: let flanneld use the interface by which the peers are reached (--iface).",
      skips: {
        absent: "the device's rp_filter could not be read",
        "no-peers": "no peer is reached over IPv4",
      },
    },
    zh: {
      title: "来回路径不一致而反向路径过滤为严格模式",
      messages: {
        default:
          "{device} 启用了严格的反向路径过滤，而 {total} 个对端中有 {count} 个的回程走 {other}：内核会悄悄丢弃这些对端发来的报文。",
      },
      meaning:
        "rp_filter 为 1 时，只有当回程路由的出接口就是报文的入接口，内核才接收该报文。实际生效的是 `all` 与该接口取值中较大的一个。来回路径一致时（例如主机只接一个网络），严格模式没有问题，flandoc 不会报告。主机接了两个网络时，对端把报文发到本机公布的地址，而回程却走另一块网卡，报文就会无声无息地消失，只有计数器 IPReversePathFilter 在增长。取值 2 只要求存在任意一条回程路由。",
      symptoms:
        "一个方向通，另一个方向不通；抓包能看到报文到达却没有应答；打开 log_martians 后内核日志出现 `martian source`。计数器：`nstat -az TcpExtIPReversePathFilter`。",
      repair: "把该网卡改为宽松模式，立即生效并在重启后保持：\n" +
        "  sysctl -w net.ipv4.conf.eth0.rp_filter=2\n" +
        "  echo 'net.ipv4.conf.eth0.rp_filter = 2' >> /etc/sysctl.d/zz-flandoc.conf\n" +
        "设备名中的点要写成斜杠：net.ipv4.conf.flannel/1.rp_filter。也可以让来回路径一致：用 --iface 让 flanneld 使用通往对端的那块网卡。",
      skips: {
        absent: "读不到该网卡的 rp_filter",
        "no-peers": "没有经 IPv4 到达的对端",
      },
    },
  },
  sources: [
    "https://www.kernel.org/doc/Documentation/networking/ip-sysctl.rst",
    "https://www.rfc-editor.org/rfc/rfc3704",
    "https://github.com/containernetworking/cni/pull/41",
    "https://github.com/flannel-io/flannel/issues/895",
    "https://github.com/flannel-io/flannel/issues/105",
    "https://github.com/submariner-io/submariner/pull/217",
  ],
});
