import { defineCheck } from "../check.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { NO_VXLAN, unlessVxlan, vxlanDevices } from "./overlay_facts.ts";
import { vxlanConflict, vxlanLine, wantedLine } from "./vxlan_conflict.ts";

/** FD512: another's vxlan device has what flannel's needs. */
export const VXLAN_PORT_CONFLICT = defineCheck({
  code: "FD512",
  name: "vxlan-port-conflict",
  severity: "error",
  needs: ["expected", "links", "addresses", "node"],
  after: [...STATE_CAUSES, "FD204"],
  applies: unlessVxlan,
  judge(facts) {
    const { links, node } = facts;
    return vxlanDevices(facts).flatMap(({ wanted }) => {
      const conflict = vxlanConflict(wanted, links, node);
      if (conflict === null) return [];
      const { other, has } = conflict;
      return [{
        subject: other.name,
        variant: has === "vni" ? "default" : "port",
        arguments: {
          device: wanted.name,
          other: other.name,
          vni: wanted.vxlan?.vni ?? "",
          port: wanted.vxlan?.port ?? "",
        },
        evidence: [
          { label: "found", text: vxlanLine(other) },
          { label: "wanted", text: wantedLine(wanted) },
        ],
        commands: [
          `ip -d link show dev ${other.name}`,
          `ip link delete dev ${other.name}`,
          "systemctl restart flanneld",
        ],
      }];
    });
  },
  text: {
    en: {
      title: "Another vxlan device has flannel's VNI or UDP port",
      messages: {
        default:
          "{other} has the VNI {vni} and the UDP port {port} of {device}. The kernel makes no second such device, and without {device} no container on another host is reached. See whose {other} is before it is deleted.",
        port:
          "{other} has the UDP port {port} of {device} with other settings. The kernel takes no second such device up, and without {device} no container on another host is reached. See whose {other} is before it is deleted.",
      },
      meaning:
        "In one network namespace a VNI can be had once on a UDP port, and a port once with each kind of reception: plain, GBP, external (VNI by packet), IPv6 without checksums. Whoever comes first has it. flanneld cannot start then, and flandoc's agent waits until the other device is gone. Cilium, Calico, Open vSwitch, Docker Swarm and a second flannel are who makes such devices; 8472 was the kernel's port for all of them before 4789 was assigned.",
      symptoms:
        "flanneld ends again and again: `Error registering network: Link not found`, or `failed to set interface flannel.1 to UP state: address already in use`. flannel.1 is missing, or down and cannot be taken up.",
      repair: `See whose the other device is:
  ip -d link show dev vxlan0
If nobody needs it, delete it and restart the agent, which makes its own:
  ip link delete dev vxlan0
  systemctl restart flanneld
If another overlay of this host needs it, deleting it breaks that one. One of the two gets another port: the other overlay in its own settings, or flannel for all hosts at once by \`Port\` in the config's \`Backend\` (such as 8473), open in every firewall, with every host's agent restarted. Hosts with the former port are not reached in between.`,
      skips: NO_VXLAN.en,
    },
    zh: {
      title: "flannel 的 VNI 或 UDP 端口被别的 vxlan 设备占用",
      messages: {
        default:
          "{other} 占用了 {device} 的 VNI {vni} 和 UDP 端口 {port}。内核不会再建一个这样的设备，而没有 {device}，其他主机上的容器都访问不到。删除 {other} 之前，先查清它是谁的。",
        port:
          "{other} 以不同的设置占用了 {device} 的 UDP 端口 {port}。内核不会再启用一个这样的设备，而没有 {device}，其他主机上的容器都访问不到。删除 {other} 之前，先查清它是谁的。",
      },
      meaning:
        "在一个网络命名空间里，一个 UDP 端口上的同一个 VNI 只能有一个设备；一个端口也只能用于一种接收方式：普通、GBP、external（VNI 由报文决定）、IPv6 不校验。谁先来归谁。这时 flanneld 无法启动，flandoc 的代理则一直等到那个设备消失。Cilium、Calico、Open vSwitch、Docker Swarm 和另一个 flannel 都会创建这样的设备；在 4789 分配之前，8472 是内核给它们所有人的默认端口。",
      symptoms:
        "flanneld 反复退出：`Error registering network: Link not found`，或者 `failed to set interface flannel.1 to UP state: address already in use`。flannel.1 不存在，或者处于 down 状态且无法启用。",
      repair: `先查清那个设备是谁的：
  ip -d link show dev vxlan0
如果没有人需要它，删除它并重启代理，代理会创建自己的设备：
  ip link delete dev vxlan0
  systemctl restart flanneld
如果本机的另一个 overlay 需要它，删除会使那个网络中断。这时应让其中之一改用别的端口：在另一个 overlay 自己的设置里改，或者在 flannel 配置的 \`Backend\` 中用 \`Port\`（例如 8473）为所有主机一起改，在所有防火墙上放行，并重启每台主机的代理。在此期间，仍用旧端口的主机访问不到。`,
      skips: NO_VXLAN.zh,
    },
  },
  sources: [
    flannelIssue(423),
    flannelIssue(2388),
    githubIssue("cilium/cilium", 21801),
    "https://man7.org/linux/man-pages/man8/ip-link.8.html",
  ],
});
