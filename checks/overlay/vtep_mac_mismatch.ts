import { isOwnLease } from "../../flannel/own_lease.ts";
import type { Known } from "../../snapshot/facts.ts";
import { defineCheck } from "../check.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue } from "../sources.ts";
import { NO_VXLAN, unlessVxlan, vxlanDevices } from "./overlay_facts.ts";

/**
 * Leases of the own subnet that may each be this host's: none carries its
 * address, as behind NAT, and Kubernetes gave several nodes that subnet.
 */
function rivals({ node, leases }: Known<"node" | "leases">): string[] {
  const { lease } = node;
  if (lease === null || isOwnLease(lease, node)) return [];
  const same = leases.filter(({ key }) => key === lease.key);
  return same.length < 2
    ? []
    : same.map(({ attributes }) => attributes.publicIP);
}

/** FD507: the device has another MAC than the own lease publishes. */
export const VTEP_MAC_MISMATCH = defineCheck({
  code: "FD507",
  name: "vtep-mac-mismatch",
  severity: "error",
  needs: ["expected", "links", "addresses", "node", "leases"],
  after: [...STATE_CAUSES, "FD204", "FD505"],
  applies: unlessVxlan,
  judge(facts) {
    if (rivals(facts).length > 0) return [];
    return vxlanDevices(facts).flatMap(({ wanted, observed, differences }) => {
      // A device of another kind is FD506's.
      if (observed?.kind !== wanted.kind) return [];
      const mac = differences.find(({ attribute }) => attribute === "mac");
      if (mac === undefined) return [];
      return [{
        subject: wanted.name,
        arguments: {
          device: wanted.name,
          mac: mac.current,
          published: mac.wanted,
        },
        evidence: [
          { label: "device", text: `${wanted.name} ${mac.current}` },
          {
            label: "lease",
            text: `${facts.node.lease?.key} VtepMAC ${mac.wanted}`,
          },
        ],
        commands: ["systemctl restart flanneld"],
      }];
    });
  },
  unsure(facts) {
    const owners = rivals(facts);
    return owners.length === 0 ? [] : [
      `cannot tell which lease of ${facts.node.lease!.key} is this host's: ${
        owners.join(", ")
      } have one`,
    ];
  },
  text: {
    en: {
      title: "The vxlan device's MAC is not the one published",
      messages: {
        default:
          "{device} has the MAC {mac}, but this host's lease publishes {published}: the other hosts send to {published}, and this host drops what they send.",
      },
      meaning:
        "Peers learn a host's MAC from its lease (or annotation) and address the inner frames to it; a vxlan device takes only frames for its own MAC. A device that was made again gets a new one: by systemd's MACAddressPolicy, by a tool that deleted it, by flanneld's own repair from v0.27.4 on, which does not publish it with etcd.",
      symptoms:
        "Packets from other hosts arrive on the UDP port and go no further; this host's own packets arrive there. `tcpdump -eni flannel.1` shows another destination than the device's address.",
      repair:
        `Restart the agent: it publishes the device's MAC, or gives the device the published one:
  systemctl restart flanneld
Against systemd's policy put a file into /etc/systemd/network:
  printf '[Match]\\nOriginalName=flannel*\\n[Link]\\nMACAddressPolicy=none\\n' > /etc/systemd/network/10-flannel.link`,
      skips: NO_VXLAN.en,
    },
    zh: {
      title: "vxlan 设备的 MAC 与公布的不同",
      messages: {
        default:
          "{device} 的 MAC 是 {mac}，本机租约公布的却是 {published}：其他主机发往 {published}，本机会丢弃这些报文。",
      },
      meaning:
        "对端从租约（或注解）得知一台主机的 MAC，并以它作为内层帧的目的地址；vxlan 设备只接收发给自己 MAC 的帧。设备重建后会得到新的 MAC：可能是 systemd 的 MACAddressPolicy，可能是某个工具删除了设备，也可能是 v0.27.4 起 flanneld 自己的重建，而使用 etcd 时它不会重新公布。",
      symptoms:
        "其他主机的报文到了 UDP 端口就没有下文；本机发出的报文对方能收到。`tcpdump -eni flannel.1` 显示的目的 MAC 与设备地址不同。",
      repair: `重启代理：它会公布设备的 MAC，或者让设备使用公布的 MAC：
  systemctl restart flanneld
针对 systemd 的策略，在 /etc/systemd/network 中加一个文件：
  printf '[Match]\\nOriginalName=flannel*\\n[Link]\\nMACAddressPolicy=none\\n' > /etc/systemd/network/10-flannel.link`,
      skips: NO_VXLAN.zh,
    },
  },
  sources: [flannelIssue(1155), flannelIssue(1788)],
});
