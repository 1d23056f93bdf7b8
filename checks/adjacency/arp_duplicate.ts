import type { ArpAnswer } from "../../snapshot/facts.ts";
import { defineCheck, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { STATE_CAUSES } from "../records.ts";
import {
  directPeers,
  NO_DIRECT_PEERS,
  unlessDirectPeers,
} from "./direct_peers.ts";

/** Answers as `tcpdump` prints them. */
export function arpReplyLines(answer: ArpAnswer) {
  return answer.macs.map((mac) => ({
    label: "answer",
    text: `ARP, Reply ${answer.address} is-at ${mac}`,
  }));
}

/** Addresses shown as evidence of a grouped finding. */
const SHOWN = 3;

/** FD503: more than one MAC answers for one address. */
export const ARP_DUPLICATE = defineCheck({
  code: "FD503",
  name: "arp-duplicate",
  severity: "error",
  needs: ["arp", "expected", "node"],
  after: [...STATE_CAUSES, "FD406"],
  applies: unlessDirectPeers,
  judge({ arp, expected, node }) {
    const subnets = new Map(
      directPeers(expected, node).map((peer) => [peer.address, peer.subnet]),
    );
    const duplicates = arp.answers.filter((answer) =>
      new Set(answer.macs).size > 1
    );
    const one = (answer: ArpAnswer): Finding => {
      const { address } = answer;
      const isPeer = subnets.has(address);
      return {
        subject: address,
        variant: isPeer ? "default" : "gateway",
        arguments: {
          address,
          subnet: subnets.get(address) ?? "",
          device: arp.device,
          count: answer.macs.length,
          macs: answer.macs,
        },
        evidence: arpReplyLines(answer),
        commands: [`arping -D -c 3 -I ${arp.device} ${address}`],
        ...(isPeer ? {} : { severity: "warning" }),
      };
    };
    return groupFindings(duplicates, one, (all) => ({
      subject: arp.device,
      variant: "many",
      arguments: {
        device: arp.device,
        count: all.length,
        addresses: all.map((answer) => answer.address),
      },
      evidence: all.slice(0, SHOWN).flatMap(arpReplyLines),
      commands: [`arping -D -c 3 -I ${arp.device} ${all[0]!.address}`],
    }));
  },
  text: {
    en: {
      title: "Two machines answer for one address",
      messages: {
        default:
          "{count} MACs answer ARP for {address}, the next hop of {subnet}: {macs}. Packets for {subnet} go to whichever answered last.",
        gateway:
          "{count} MACs answer ARP for {address} on {device}: {macs}. Unless these are two routers that share the address on purpose, one of them has to go.",
        many:
          "For {count} addresses on {device} more than one MAC answers ARP; {addresses}.",
      },
      meaning:
        "An address belongs to one machine. When two answer, the kernel's neighbour entry follows the answer it saw last, so connections break and recover at random. The usual reasons: a cloned machine, a DHCP range that covers fixed addresses, a host with two interfaces in one segment (each answers for both addresses while arp_ignore is 0), a router with proxy ARP.",
      symptoms:
        "Connections to containers of one host stall and come back; ssh to that host sometimes shows another host key; the kernel log of the owner may say that its address is in use.",
      repair:
        `Find both machines by their MAC on the switch and give one another address. See who answers:
  arping -D -c 3 -I eth0 192.168.1.11
For one host with two interfaces in the segment, let each answer for its own address only (on that host):
  sysctl -w net.ipv4.conf.all.arp_ignore=1
  sysctl -w net.ipv4.conf.all.arp_announce=2`,
      skips: NO_DIRECT_PEERS.en,
    },
    zh: {
      title: "一个地址有两台机器应答",
      messages: {
        default:
          "{subnet} 的下一跳 {address} 有 {count} 个 MAC 应答 ARP：{macs}。发往 {subnet} 的报文会交给最后应答的那一个。",
        gateway:
          "{device} 上的 {address} 有 {count} 个 MAC 应答 ARP：{macs}。除非这是两台有意共用该地址的路由器，否则必有一台配置有误。",
        many:
          "{device} 上有 {count} 个地址各有不止一个 MAC 应答 ARP：{addresses}。",
      },
      meaning:
        "一个地址只能属于一台机器。两台都应答时，内核的邻居表以最后收到的应答为准，连接因此时断时续。常见原因：克隆出来的虚拟机、DHCP 地址池覆盖了静态地址、一台主机有两块网卡接在同一网段（arp_ignore 为 0 时每块网卡都替两个地址应答）、路由器开启了代理 ARP。",
      symptoms:
        "访问某台主机上的容器时断时续；ssh 到该主机有时提示主机密钥不同；地址的真正主人的内核日志可能报告地址冲突。",
      repair:
        `在交换机上按 MAC 找到这两台机器，给其中一台换地址。查看是谁在应答：
  arping -D -c 3 -I eth0 192.168.1.11
如果是同一台主机的两块网卡接在同一网段，就让每块网卡只替自己的地址应答（在那台主机上执行）：
  sysctl -w net.ipv4.conf.all.arp_ignore=1
  sysctl -w net.ipv4.conf.all.arp_announce=2`,
      skips: NO_DIRECT_PEERS.zh,
    },
  },
  sources: [
    "https://www.rfc-editor.org/rfc/rfc5227",
    "https://man7.org/linux/man-pages/man8/arping.8.html",
    "https://www.kernel.org/doc/Documentation/networking/ip-sysctl.rst",
  ],
});
