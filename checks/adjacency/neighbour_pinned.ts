import { canonicalAddress } from "../../flannel/address.ts";
import { isOwn } from "../../flannel/expected_peers.ts";
import { formatNeighbour } from "../../flannel/format.ts";
import type { Neighbour } from "../../flannel/kernel.ts";
import { routeDecider } from "../../flannel/route_decision.ts";
import { isTunnel } from "../../flannel/route_owner.ts";
import { isKnown, valueOf } from "../../snapshot/fact.ts";
import type {
  ArpAnswer,
  ArpFacts,
  Facts,
  Known,
} from "../../snapshot/facts.ts";
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

/** What tells which entries matter; the sweep may not have been made. */
type Hops = Omit<Known<Needs>, "arp"> & { readonly arp: ArpFacts | null };

/** A pinned entry that packets to peers, or to the gateway, go by. */
interface PinnedHop {
  readonly entry: Neighbour;
  /** Subnets of the peers that are reached by it. */
  readonly subnets: readonly string[];
}

/**
 * Whether the kernel uses an entry and never asks about it. Others are asked
 * about anew within a minute, and our own sweep's replies correct them. Where
 * nobody asks by ARP at all, in a tunnel, every entry is NUD_NOARP.
 */
function isPinned(
  { mac, state, device }: Neighbour,
  asked: string | null,
): boolean {
  return mac !== null && !isTunnel(device) &&
    (state === "PERMANENT" || (state === "NOARP" && device === asked));
}

/** Subnets of peers by device and next hop. */
function subnetsByHop(
  { leases, node, routes, rules }: Hops,
): Map<string, string[]> {
  const decide = routeDecider(routes, rules);
  const hops = new Map<string, string[]>();
  const add = (address: string | null, subnet: string | null) => {
    if (address === null || subnet === null) return;
    const route = decide({ destination: address })?.route ?? null;
    if (route === null) return;
    for (const { device, gateway } of route.nexthops ?? [route]) {
      const key = `${device} ${canonicalAddress(gateway ?? address)}`;
      const subnets = hops.get(key);
      if (subnets === undefined) hops.set(key, [subnet]);
      else subnets.push(subnet);
    }
  };
  for (const lease of leases) {
    if (isOwn(lease, node)) continue;
    const { publicIP, publicIPv6 } = lease.attributes;
    add(publicIP, lease.subnet);
    add(publicIPv6, lease.ipv6Subnet);
  }
  return hops;
}

/** Pinned entries that matter to this network. */
function pinnedHops(facts: Hops): PinnedHop[] {
  const { arp, neighbours } = facts;
  const asked = arp?.device ?? null;
  const pinned = neighbours.filter((entry) => isPinned(entry, asked));
  if (pinned.length === 0) return [];
  const hops = subnetsByHop(facts);
  return pinned.flatMap((entry) => {
    const { device, address } = entry;
    const subnets = hops.get(`${device} ${canonicalAddress(address)}`);
    const isGateway = device === asked && address === arp?.gateway;
    return subnets !== undefined || isGateway
      ? [{ entry, subnets: subnets ?? [] }]
      : [];
  });
}

/** How many addresses each MAC answers for. */
function addressesByMac({ answers }: ArpFacts): Map<string, number> {
  const count = new Map<string, number>();
  for (const mac of answers.flatMap(({ macs }) => [...new Set(macs)])) {
    count.set(mac, (count.get(mac) ?? 0) + 1);
  }
  return count;
}

/** Who answers for an entry's address; undefined where nobody was heard. */
function answerFor(entry: Neighbour, arp: ArpFacts): ArpAnswer | undefined {
  return entry.device === arp.device
    ? arp.answers.find(({ address, macs }) =>
      address === entry.address && macs.length > 0
    )
    : undefined;
}

/** Pinned entries whose MAC is not among those that answer. */
function contradictions(
  hops: readonly PinnedHop[],
  arp: ArpFacts,
): (Contradiction & PinnedHop)[] {
  const owned = addressesByMac(arp);
  return hops.flatMap((hop) => {
    const answer = answerFor(hop.entry, arp);
    const macs = [...new Set(answer?.macs)];
    if (answer === undefined || macs.includes(hop.entry.mac!)) return [];
    const isSole = macs.length === 1 && owned.get(macs[0]!) === 1;
    return [{ ...hop, answer, mac: isSole ? macs[0]! : null }];
  });
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

function pinned(one: Contradiction & PinnedHop): Finding {
  const { entry, mac, subnets } = one;
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
    const found = contradictions(pinnedHops(facts), facts.arp)
      .filter(({ mac }) => mac !== null);
    return groupFindings(found, pinned, (all) => ({
      subject: facts.arp.device,
      variant: "many",
      arguments: {
        device: facts.arp.device,
        count: all.length,
        addresses: all.map(({ entry }) => entry.address),
      },
      evidence: all.slice(0, SHOWN).flatMap(lines),
      commands: all.slice(0, SHOWN).map(command),
    }));
  },
  unsure(facts) {
    const hops = pinnedHops(facts);
    const disputed = contradictions(hops, facts.arp);
    const unheard = hops.filter(({ entry }) =>
      answerFor(entry, facts.arp) === undefined
    );
    return [
      ...disputed.map(({ entry, answer }) =>
        `${doubt(entry)}: ${[...new Set(answer.macs)].join(", ")} answers`
      ),
      ...unheard.map(({ entry }) => `${doubt(entry)}: nobody was heard`),
    ];
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
        "The kernel sends a frame to the MAC of its neighbour entry. An entry that it learned is asked about again after half a minute or so; one that was written as permanent never is. It stays when the other host gets another network card, when a virtual machine is made anew, or when whoever wrote it made a mistake. Everything to that host is lost then, with every backend, while ARP requests are answered and routes, device and lease are right. flandoc asks by ARP itself and compares. Where nobody answers or could be asked (IPv6, another leg of this host), where one MAC answers for several addresses or several answer for one, nobody can tell from here which is right: then the result is unknown.",
      symptoms:
        "One host cannot be reached from here by ping or ssh, nor its containers, while others reach it and `arping` gets an answer. `ip neigh` shows PERMANENT for its address.",
      repair:
        `Delete the entry; the kernel asks at once and learns the right one:
  ip neigh del 192.168.1.11 dev eth0
Find who wrote it, so that it does not come back at the next boot: /etc/ethers, \`arp -s\` or \`ip neigh\` in rc.local, in ifup scripts or in the configuration of the network manager. Where permanent entries are meant, against forged ARP, compare with the address that \`ip link\` shows on the host itself and correct the entry:
  ip neigh replace 192.168.1.11 lladdr 52:54:00:aa:01:11 dev eth0 nud permanent`,
      skips: {
        "none-pinned": "no neighbour entry that leads to a peer is permanent",
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
        "内核按邻居表项中的 MAC 发送帧。自己学到的表项过半分钟左右就会重新确认，而被写成永久的表项永远不会。对方主机换了网卡、虚拟机重建过，或者写的人写错了，它都照旧。此后发往该主机的一切都会丢失，与后端无关，而 ARP 有应答，路由、设备、租约看起来都正常。flandoc 自己发出 ARP 请求并加以比较。如果没有应答或者没法询问（IPv6、本机的另一块网卡），或者一个 MAC 替多个地址应答、多个 MAC 应答同一个地址，从本机无法判断谁对谁错，结果就是未知。",
      symptoms:
        "从本机 ping 不通、ssh 不上某台主机，也访问不到它的容器，而其他主机可以，`arping` 也有应答。`ip neigh` 中它的地址是 PERMANENT。",
      repair: `删除该表项，内核会立即重新询问并学到正确的 MAC：
  ip neigh del 192.168.1.11 dev eth0
查明是谁写的，以免下次开机又出现：/etc/ethers，或者 rc.local、网卡启动脚本、网络管理程序配置中的 \`arp -s\`、\`ip neigh\`。如果是为了防 ARP 欺骗而有意写成永久的，请与那台主机上 \`ip link\` 显示的地址核对，再改正表项：
  ip neigh replace 192.168.1.11 lladdr 52:54:00:aa:01:11 dev eth0 nud permanent`,
      skips: { "none-pinned": "通往对端的邻居表项都不是永久的" },
    },
  },
  sources: [
    "https://man7.org/linux/man-pages/man8/ip-neighbour.8.html",
    "https://man7.org/linux/man-pages/man7/arp.7.html",
    "https://man7.org/linux/man-pages/man5/ethers.5.html",
  ],
});

/** What nobody can tell, in the words of an unknown fact's reason. */
function doubt({ mac, address, device }: Neighbour): string {
  return `cannot tell whose ${mac} is, the MAC of a permanent neighbour entry for ${address} on ${device}`;
}

/** Where nobody could be asked there may be nothing to ask about either. */
function unlessPinned(facts: Facts): "none-pinned" | undefined {
  if (isKnown(facts.arp)) return undefined;
  const [neighbours, leases, node, routes, rules] = [
    valueOf(facts.neighbours),
    valueOf(facts.leases),
    valueOf(facts.node),
    valueOf(facts.routes),
    valueOf(facts.rules),
  ];
  if (!neighbours || !leases || !node || !routes || !rules) return undefined;
  const hops = { arp: null, neighbours, leases, node, routes, rules };
  return pinnedHops(hops).length === 0 ? "none-pinned" : undefined;
}
