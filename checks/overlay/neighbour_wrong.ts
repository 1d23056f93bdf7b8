import type { WantedNeighbour } from "../../flannel/expected_types.ts";
import { formatNeighbour } from "../../flannel/format.ts";
import type { Neighbour } from "../../flannel/kernel.ts";
import { diffNeighbours } from "../../flannel/overlay_diff.ts";
import { defineCheck, type Evidence, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import {
  NO_VXLAN,
  settledNeighbours,
  unlessVxlanPeers,
  vxlanNames,
} from "./overlay_facts.ts";

/** Entries shown of a grouped finding. */
const SHOWN = 3;

interface Entry {
  readonly wanted: WantedNeighbour;
  /** What is there instead; null where nothing is. */
  readonly found: Neighbour | null;
  /** Whether the MAC is right and the entry may only expire. */
  readonly expires: boolean;
  /** All claims to the subnet, where several hosts have it; else none. */
  readonly claims: readonly WantedNeighbour[];
}

function wantedText({ address, device, mac }: WantedNeighbour): string {
  return `${address} dev ${device} lladdr ${mac} PERMANENT`;
}

function lines({ wanted, found, claims }: Entry): Evidence[] {
  return [
    ...found === null
      ? []
      : [{ label: "neighbour", text: formatNeighbour(found) }],
    ...(claims.length === 0 ? [wanted] : claims)
      .map((entry) => ({ label: "wanted", text: wantedText(entry) })),
  ];
}

function command({ wanted }: Entry): string {
  const { address, mac, device, family } = wanted;
  const ip = family === 4 ? "ip" : "ip -6";
  return `${ip} neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`;
}

function one(entry: Entry): Finding {
  const { wanted, found, expires, claims } = entry;
  const isContested = claims.length > 0;
  return {
    subject: `${wanted.address} dev ${wanted.device}`,
    variant: isContested
      ? "contested"
      : found === null
      ? "missing"
      : expires
      ? "expires"
      : "wrong",
    arguments: {
      address: wanted.address,
      device: wanted.device,
      peer: wanted.peer.attributes.publicIP,
      mac: found?.mac ?? "",
      wanted: wanted.mac ?? "",
      peers: claims.map(({ peer }) => peer.attributes.publicIP),
    },
    evidence: lines(entry),
    commands: isContested ? [] : [command(entry)],
    ...(expires ? { severity: "warning" } : {}),
  };
}

/** FD508: neighbour entries of peers on the vxlan device. */
export const NEIGHBOUR_WRONG = defineCheck({
  code: "FD508",
  name: "neighbour-wrong",
  severity: "error",
  needs: ["expected", "neighbours"],
  after: [...STATE_CAUSES, "FD204", "FD406", "FD505"],
  applies: unlessVxlanPeers,
  judge({ expected, neighbours }) {
    const settled = settledNeighbours(expected, neighbours);
    const claimsOf = (wanted: WantedNeighbour) =>
      settled.rivals.get(wanted) ?? [];
    const { missing, wrong } = diffNeighbours(
      settled.wanted,
      neighbours,
      vxlanNames(expected),
    );
    const entries: Entry[] = [
      ...missing.map((wanted) => ({
        wanted,
        found: null,
        expires: false,
        claims: claimsOf(wanted),
      })),
      ...wrong.map(({ wanted, observed, differs }) => ({
        wanted,
        found: observed,
        expires: !differs.includes("mac"),
        claims: claimsOf(wanted),
      })),
    ];
    // IPv6 has a device of its own.
    const devices = Map.groupBy(entries, ({ wanted }) => wanted.device);
    return [...devices].flatMap(([device, wrong]) =>
      groupFindings(wrong, one, (all) => ({
        subject: device,
        variant: "many",
        arguments: {
          count: all.length,
          total: expected.neighbours.filter((each) => each.device === device)
            .length,
          device,
        },
        evidence: all.slice(0, SHOWN).flatMap(lines),
        commands: ["systemctl restart flanneld"],
        ...(all.every(({ expires }) => expires) ? { severity: "warning" } : {}),
      }))
    );
  },
  text: {
    en: {
      title: "Neighbour entry of a peer is missing or wrong",
      messages: {
        missing:
          "{device} has no neighbour entry for {address}, the way to {peer}'s containers: the kernel asks by ARP there, and nobody answers.",
        wrong:
          "The neighbour entry for {address} on {device} has the MAC {mac}, but {peer} has published {wanted}: it drops what is sent to another MAC.",
        expires:
          "The neighbour entry for {address} ({peer}) on {device} has the right MAC but is not permanent: when it expires, nobody answers the kernel's ARP there.",
        contested:
          "{device} has no neighbour entry for {address} that leads to one of the hosts that claim its subnet ({peers}): their containers cannot be reached from here. One of them has to take another subnet first: FD208.",
        many:
          "{count} of {total} neighbour entries of peers on {device} are missing or wrong: their containers cannot be reached from here.",
      },
      meaning:
        "The route to a peer's subnet goes through the subnet's first address on the vxlan device. Nobody answers ARP for that address; flanneld writes a permanent entry with the MAC that the peer publishes in its lease. The entries vanish when the device goes down or is made again, and stay old when flanneld misses that a peer has a new MAC.",
      symptoms:
        "The containers of one peer, or of all, cannot be reached from here, though route and device are right; `ip neigh show dev flannel.1` shows FAILED or nothing for its address.",
      repair:
        `Write the entry as flannel would, with the MAC from the peer's lease, or restart the agent, which writes all of them:
  ip neigh replace 172.7.22.0 lladdr 0e:5a:d2:4b:12:76 dev flannel.1 nud permanent
  systemctl restart flanneld`,
      skips: NO_VXLAN.en,
    },
    zh: {
      title: "对端的邻居表项缺失或错误",
      messages: {
        missing:
          "{device} 上没有 {address} 的邻居表项，而它是通往 {peer} 上容器的必经之路：内核会在那里发 ARP 请求，却没有人应答。",
        wrong:
          "{device} 上 {address} 的邻居表项 MAC 是 {mac}，而 {peer} 公布的是 {wanted}：发往其他 MAC 的报文会被它丢弃。",
        expires:
          "{device} 上 {address}（{peer}）的邻居表项 MAC 正确，但不是永久的：过期之后内核再发 ARP 请求，没有人应答。",
        contested:
          "有多台主机（{peers}）都声称拥有 {address} 所在的子网，而 {device} 上没有指向其中任何一台的邻居表项：从本机访问不到那里的容器。先要让其中一台换用别的子网，见 FD208。",
        many:
          "{device} 上对端的 {total} 条邻居表项中有 {count} 条缺失或错误，从本机访问不到那些主机上的容器。",
      },
      meaning:
        "到对端子网的路由以该子网的首个地址为网关，经 vxlan 设备发出。没有人会应答这个地址的 ARP 请求；flanneld 会按对端租约中公布的 MAC 写入一条永久表项。设备 down 或重建时表项会消失；如果 flanneld 错过了对端更换 MAC 的事件，表项就一直是旧的。",
      symptoms:
        "路由和设备都正确，却访问不到某个（或全部）对端的容器；`ip neigh show dev flannel.1` 中其地址为 FAILED 或者没有。",
      repair: `按对端租约中的 MAC 写入表项，或者重启代理，它会写入全部表项：
  ip neigh replace 172.7.22.0 lladdr 0e:5a:d2:4b:12:76 dev flannel.1 nud permanent
  systemctl restart flanneld`,
      skips: NO_VXLAN.zh,
    },
  },
  sources: [flannelIssue(958), flannelIssue(1434), flannelPull(1718)],
});
