import type {
  DeviceAttribute,
  DeviceDiff,
  DeviceDifference,
} from "../../flannel/overlay_diff.ts";
import { defineCheck } from "../check.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue } from "../sources.ts";
import { NO_VXLAN, unlessVxlan, vxlanDevices } from "./overlay_facts.ts";
import { followsConflict, vxlanConflict } from "./vxlan_conflict.ts";

/** Attributes by `ip link`'s words; FD406, FD507 and FD513 have the others. */
const WORDS: Readonly<Partial<Record<DeviceAttribute, string>>> = {
  kind: "type",
  vni: "id",
  port: "dstport",
  local: "local",
  lower: "dev",
  mtu: "mtu",
  learning: "learning",
  gbp: "gbp",
  l2miss: "l2miss",
  remote: "remote",
  ttl: "ttl",
  master: "master",
};

/** Differences with which packets arrive all the same. */
const HARMLESS: ReadonlySet<DeviceAttribute> = new Set([
  "learning",
  "l2miss",
  "remote",
]);

/** What `ttl auto` sends; flannel's networks span a few routers at most. */
const USUAL_TTL = 64;

/** Differences that matter here; a smaller MTU or longer life loses nothing. */
function relevant({ differences }: DeviceDiff): DeviceDifference[] {
  return differences.filter(({ attribute, current, wanted }) =>
    WORDS[attribute] !== undefined &&
    (attribute !== "mtu" || Number(current) > Number(wanted)) &&
    (attribute !== "ttl" || Number(current) < USUAL_TTL)
  );
}

/** flanneld makes a device anew for all but these, which it leaves. */
function commands(
  name: string,
  differences: readonly DeviceDifference[],
): string[] {
  const set = `ip link set dev ${name}`;
  const lines = differences.map(({ attribute, current, wanted }) => {
    switch (attribute) {
      case "mtu":
        return `${set} mtu ${wanted}`;
      case "master":
        return `${set} nomaster`;
      case "ttl":
        return `${set} type vxlan ttl auto`;
      case "remote":
        return `${set} type vxlan remote ${
          current.includes(":") ? "::" : "0.0.0.0"
        }`;
      case "learning":
        return `${set} type vxlan ${wanted === "true" ? "" : "no"}learning`;
      default:
        return "systemctl restart flanneld";
    }
  });
  return [...new Set(lines)];
}

/** `ip link`'s words for one value. */
function words(
  differences: readonly DeviceDifference[],
  value: "current" | "wanted",
): string {
  return differences.map((each) =>
    each.attribute === "master" && each[value] === "none"
      ? "nomaster"
      : `${WORDS[each.attribute]} ${each[value]}`
  ).join(" ");
}

/** Which sentence says it. */
function variantOf(differences: readonly DeviceDifference[]): string {
  if (differences.every(({ attribute }) => HARMLESS.has(attribute))) {
    return "harmless";
  }
  return differences.every(({ attribute }) => attribute === "master")
    ? "port"
    : "default";
}

/** FD506: the vxlan device has another VNI, port, address or the like. */
export const VXLAN_DIFFERS = defineCheck({
  code: "FD506",
  name: "vxlan-differs",
  severity: "error",
  needs: ["expected", "links", "addresses", "node"],
  after: [...STATE_CAUSES, "FD204", "FD512"],
  follows: followsConflict,
  applies: unlessVxlan,
  judge(facts) {
    const { links, node } = facts;
    return vxlanDevices(facts).flatMap((diff) => {
      // What keeps it from being made anew is FD512's.
      if (vxlanConflict(diff.wanted, links, node) !== null) return [];
      const differences = relevant(diff);
      if (differences.length === 0) return [];
      const { name } = diff.wanted;
      const variant = variantOf(differences);
      return [{
        subject: name,
        variant,
        arguments: {
          device: name,
          master: diff.observed?.master ?? "none",
          differs: differences.map(({ attribute }) => WORDS[attribute]!),
        },
        evidence: [
          { label: "found", text: `${name}: ${words(differences, "current")}` },
          { label: "wanted", text: `${name}: ${words(differences, "wanted")}` },
        ],
        commands: commands(name, differences),
        ...(variant === "harmless" ? { severity: "warning" } : {}),
      }];
    });
  },
  text: {
    en: {
      title: "The vxlan device is not as the config wants it",
      messages: {
        default:
          "{device} differs from what config and lease want ({differs}): packets of the other hosts are not taken, or ours are not by them.",
        harmless:
          "{device} differs from what the config wants ({differs}). Packets arrive all the same.",
        port:
          "{device} has been made a port of {master}: what arrives from other hosts comes in by {master}, and is lost where {master} is down, where reverse paths are checked, or where rules name {device}.",
      },
      meaning:
        "All hosts of a network need the same VNI and UDP port; the device sends from this host's own address over the external interface, and its MTU leaves room for 50 bytes of header (70 over IPv6). flanneld compares an existing device when it starts and makes it anew when it differs, but for MTU and learning, which it leaves; until then a changed config, a device that somebody else made, or another address of this host changes nothing. A device that is a port of a bridge hands all that arrives to the bridge; flanneld does not look at that.",
      symptoms:
        "No traffic between this host and the others, though routes, neighbours and FDB entries are right; with too large an MTU small packets pass and large ones hang.",
      repair:
        `Restart the agent, which makes the device anew; too large an MTU is set by hand, and a bridge is left by hand:
  systemctl restart flanneld
  ip link set dev flannel.1 mtu 1450
  ip link set dev flannel.1 nomaster
Compare with \`ip -d link show flannel.1\` on another host.`,
      skips: NO_VXLAN.en,
    },
    zh: {
      title: "vxlan 设备与配置不符",
      messages: {
        default:
          "{device} 与配置和租约要求的不同（{differs}）：其他主机的报文本机收不下，或者本机的报文它们收不下。",
        harmless: "{device} 与配置要求的不同（{differs}），但报文仍能到达。",
        port:
          "{device} 被接入了 {master}，成了它的端口：其他主机发来的报文从 {master} 进入；{master} 未启用、启用了反向路径检查，或者规则写的是 {device} 时，这些报文会丢失。",
      },
      meaning:
        "同一网络的所有主机必须使用相同的 VNI 和 UDP 端口；设备以本机地址经外部网卡发送，其 MTU 要留出 50 字节的头部（IPv6 为 70 字节）。flanneld 启动时会比较已有的设备，不同就重建（MTU 和 learning 除外，它不会改动）；在那之前，修改配置、别人创建的设备或本机换了地址，都不会让它变化。设备若是某个网桥的端口，收到的一切都交给网桥；flanneld 不检查这一点。",
      symptoms:
        "路由、邻居和 FDB 都正确，本机与其他主机之间却不通；MTU 过大时，小包能通、大包卡住。",
      repair:
        `重启代理，它会重建设备；过大的 MTU 需手工设置，接入网桥的也需手工脱离：
  systemctl restart flanneld
  ip link set dev flannel.1 mtu 1450
  ip link set dev flannel.1 nomaster
可与另一台主机上的 \`ip -d link show flannel.1\` 对照。`,
      skips: NO_VXLAN.zh,
    },
  },
  sources: [
    flannelIssue(1011),
    flannelIssue(1775),
    flannelIssue(2388),
    "https://man7.org/linux/man-pages/man8/ip-link.8.html",
  ],
});
