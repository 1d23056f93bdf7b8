import { sameAddress } from "../../flannel/cidr.ts";
import { isOwn } from "../../flannel/expected_peers.ts";
import { formatNeighbour } from "../../flannel/format.ts";
import type { Neighbour } from "../../flannel/kernel.ts";
import type { Lease } from "../../flannel/lease.ts";
import { routeDecider } from "../../flannel/route_decision.ts";
import { isKnown, valueOf } from "../../snapshot/fact.ts";
import type { ArpAnswer, Facts, Known } from "../../snapshot/facts.ts";
import { defineCheck, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { RECORD_CAUSES } from "../records.ts";
import { arpReplyLines } from "./arp_duplicate.ts";

type Needs = "arp" | "neighbours" | "leases" | "node" | "routes" | "rules";

/** Entries shown of a grouped finding. */
const SHOWN = 3;

/** An entry that is never asked about, beside who answers for its address. */
interface Contradiction {
  readonly entry: Neighbour;
  readonly answer: ArpAnswer;
  /** The one MAC that answers, for this address alone; else null. */
  readonly mac: string | null;
}

/**
 * Entries that the kernel uses and never asks about (`NUD_PERMANENT`,
 * `NUD_NOARP`). Others are asked about anew within a minute, and our own
 * sweep's replies correct them.
 */
function pinnedOn(
  neighbours: readonly Neighbour[],
  device: string,
): Neighbour[] {
  return neighbours.filter((entry) =>
    entry.family === 4 && entry.device === device && entry.mac !== null &&
    (entry.state === "PERMANENT" || entry.state === "NOARP")
  );
}

/** Pinned entries whose MAC is not among those that answer. */
function contradictions(
  { arp, neighbours }: Pick<Known<Needs>, "arp" | "neighbours">,
): Contradiction[] {
  const pinned = new Map(
    pinnedOn(neighbours, arp.device).map((entry) => [entry.address, entry]),
  );
  if (pinned.size === 0) return [];
  const owners = new Map<string, number>();
  for (const mac of arp.answers.flatMap(({ macs }) => [...new Set(macs)])) {
    owners.set(mac, (owners.get(mac) ?? 0) + 1);
  }
  return arp.answers.flatMap((answer) => {
    const entry = pinned.get(answer.address);
    const macs = [...new Set(answer.macs)];
    if (entry === undefined || macs.length === 0) return [];
    if (macs.includes(entry.mac!)) return [];
    const isSole = macs.length === 1 && owners.get(macs[0]!) === 1;
    return [{ entry, answer, mac: isSole ? macs[0]! : null }];
  });
}

/** Peers' subnets that packets to an address of the segment are for. */
function subnetsBy(address: string, facts: Known<Needs>): string[] {
  const { leases, node, routes, rules } = facts;
  const peers = leases.filter((lease) => !isOwn(lease, node));
  const decide = routeDecider(routes, rules);
  const leadsThere = ({ attributes: { publicIP } }: Lease) =>
    publicIP === address ||
    sameAddress(
      decide({ destination: publicIP })?.route?.gateway ?? null,
      address,
    );
  return peers.filter(leadsThere)
    .map(({ subnet, ipv6Subnet }) => subnet ?? ipv6Subnet ?? "");
}

function command({ entry: { address, device } }: Contradiction): string {
  return `ip neigh del ${address} dev ${device}`;
}

function lines({ entry, answer }: Contradiction) {
  return [
    { label: "neighbour", text: formatNeighbour(entry) },
    ...arpReplyLines(answer),
  ];
}

function pinned(one: Contradiction, facts: Known<Needs>): Finding {
  const { entry, mac } = one;
  const subnets = subnetsBy(entry.address, facts);
  return {
    subject: `${entry.address} dev ${entry.device}`,
    variant: subnets.length > 0 ? "default" : "gateway",
    arguments: {
      address: entry.address,
      device: entry.device,
      mac: entry.mac!,
      answer: mac ?? "",
      subnets,
    },
    evidence: lines(one),
    commands: [command(one)],
    // Somebody may have chosen one of two routers that share the address.
    ...(subnets.length > 0 ? {} : { severity: "warning" }),
  };
}

/** FD518: a neighbour entry that nothing corrects has the wrong MAC. */
export const NEIGHBOUR_PINNED = defineCheck<Needs>({
  code: "FD518",
  name: "neighbour-pinned",
  severity: "error",
  needs: ["arp", "neighbours", "leases", "node", "routes", "rules"],
  after: RECORD_CAUSES,
  applies: unlessPinned,
  judge(facts) {
    const found = contradictions(facts).filter(({ mac }) => mac !== null);
    return groupFindings(
      found,
      (one) => pinned(one, facts),
      (all) => ({
        subject: facts.arp.device,
        variant: "many",
        arguments: {
          device: facts.arp.device,
          count: all.length,
          addresses: all.map(({ entry }) => entry.address),
        },
        evidence: all.slice(0, SHOWN).flatMap(lines),
        commands: all.slice(0, SHOWN).map(command),
      }),
    );
  },
  unsure(facts) {
    return contradictions(facts).map(({ entry, answer }) =>
      `cannot tell whose ${entry.mac} is, the MAC of a permanent neighbour entry for ${entry.address}: ${
        [...new Set(answer.macs)].join(", ")
      } answers`
    );
  },
  text: {
    en: {
      title: "A permanent neighbour entry has the wrong MAC",
      messages: {
        default:
          "By a permanent neighbour entry {device} sends everything for {address} to {mac}, but it is {answer} that answers ARP for {address}: what goes there, to {subnets} too, is lost.",
        gateway:
          "By a permanent neighbour entry {device} sends everything for the gateway {address} to {mac}, but it is {answer} that answers ARP for {address}: unless both are routers that share the address, nothing leaves the segment.",
        many:
          "{count} permanent neighbour entries on {device} have other MACs than answer ARP: what goes to {addresses} is lost.",
      },
      meaning:
        "The kernel sends a frame to the MAC of its neighbour entry. An entry that it learned is asked about again after half a minute or so; one that was written as permanent never is. It stays when the other host gets another network card, when a virtual machine is made anew, or when whoever wrote it made a mistake. Everything to that host is lost then, with every backend, while ARP requests are answered and routes, device and lease are right. flandoc asks by ARP itself and compares. It says nothing where one MAC answers for several addresses or several MACs answer for one: there nobody can tell from here which is right.",
      symptoms:
        "One host cannot be reached from here by ping or ssh, nor its containers, while others reach it and `arping` gets an answer. `ip neigh` shows PERMANENT for its address.",
      repair:
        `Delete the entry; the kernel asks at once and learns the right one:
  ip neigh del 192.168.1.11 dev eth0
Find who wrote it, so that it does not come back at the next boot: /etc/ethers, \`arp -s\` or \`ip neigh\` in rc.local, in ifup scripts or in the configuration of the network manager. Where permanent entries are meant, against forged ARP, compare with the address that \`ip link\` shows on the host itself and correct the entry:
  ip neigh replace 192.168.1.11 lladdr 52:54:00:aa:01:11 dev eth0 nud permanent`,
      skips: {
        "none-pinned":
          "the external interface has no permanent neighbour entry for IPv4",
      },
    },
    zh: {
      title: "永久邻居表项的 MAC 是错的",
      messages: {
        default:
          "{device} 上有一条永久邻居表项，把发往 {address} 的一切都交给 {mac}，但应答 {address} 的 ARP 请求的是 {answer}：发往该主机以及 {subnets} 的报文都会丢失。",
        gateway:
          "{device} 上有一条永久邻居表项，把发往网关 {address} 的一切都交给 {mac}，但应答 {address} 的 ARP 请求的是 {answer}：除非两者都是共用该地址的路由器，否则任何报文都出不了本网段。",
        many:
          "{device} 上有 {count} 条永久邻居表项的 MAC 与应答 ARP 的不同：发往 {addresses} 的报文会丢失。",
      },
      meaning:
        "内核按邻居表项中的 MAC 发送帧。自己学到的表项过半分钟左右就会重新确认，而被写成永久的表项永远不会。对方主机换了网卡、虚拟机重建过，或者写的人写错了，它都照旧。此后发往该主机的一切都会丢失，与后端无关，而 ARP 有应答，路由、设备、租约看起来都正常。flandoc 自己发出 ARP 请求并加以比较。如果一个 MAC 替多个地址应答，或者多个 MAC 应答同一个地址，从本机无法判断谁对谁错，就不会报告。",
      symptoms:
        "从本机 ping 不通、ssh 不上某台主机，也访问不到它的容器，而其他主机可以，`arping` 也有应答。`ip neigh` 中它的地址是 PERMANENT。",
      repair: `删除该表项，内核会立即重新询问并学到正确的 MAC：
  ip neigh del 192.168.1.11 dev eth0
查明是谁写的，以免下次开机又出现：/etc/ethers，或者 rc.local、网卡启动脚本、网络管理程序配置中的 \`arp -s\`、\`ip neigh\`。如果是为了防 ARP 欺骗而有意写成永久的，请与那台主机上 \`ip link\` 显示的地址核对，再改正表项：
  ip neigh replace 192.168.1.11 lladdr 52:54:00:aa:01:11 dev eth0 nud permanent`,
      skips: { "none-pinned": "外部网卡上没有永久的 IPv4 邻居表项" },
    },
  },
  sources: [
    "https://man7.org/linux/man-pages/man8/ip-neighbour.8.html",
    "https://man7.org/linux/man-pages/man7/arp.7.html",
    "https://man7.org/linux/man-pages/man5/ethers.5.html",
  ],
});

/** Where nobody could be asked there may be nothing to ask about either. */
function unlessPinned(facts: Facts): "none-pinned" | undefined {
  const node = valueOf(facts.node);
  const neighbours = valueOf(facts.neighbours);
  if (isKnown(facts.arp) || !node || !neighbours) return undefined;
  return pinnedOn(neighbours, node.device).length === 0
    ? "none-pinned"
    : undefined;
}
