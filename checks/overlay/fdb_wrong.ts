import { sameAddress } from "../../flannel/cidr.ts";
import type { WantedFdb } from "../../flannel/expected_types.ts";
import { formatFdb } from "../../flannel/format.ts";
import type { FdbEntry } from "../../flannel/kernel.ts";
import { diffFdb } from "../../flannel/overlay_diff.ts";
import { defineCheck, type Evidence, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import {
  NO_VXLAN,
  settledFdb,
  unlessVxlanPeers,
  vxlanNames,
} from "./overlay_facts.ts";

/** Entries shown of a grouped finding. */
const SHOWN = 3;

interface Entry {
  readonly wanted: WantedFdb;
  /** What is there instead; null where nothing is. */
  readonly found: FdbEntry | null;
  readonly variant: "missing" | "wrong" | "expires" | "shared";
}

function wantedText({ mac, device, dst }: WantedFdb): string {
  return `${mac} dev ${device} dst ${dst} self permanent`;
}

function lines({ wanted, found }: Entry): Evidence[] {
  return [
    ...found === null ? [] : [{ label: "found", text: formatFdb(found) }],
    { label: "wanted", text: wantedText(wanted) },
  ];
}

/** One of two hosts with one MAC has to get another; no entry serves both. */
function commands({ wanted, variant }: Entry): string[] {
  const { mac, device, dst } = wanted;
  return variant === "shared"
    ? []
    : [`bridge fdb replace ${mac} dev ${device} dst ${dst} self permanent`];
}

/** The peer's subnet of the family that the device carries. */
function subnetOf({ peer, dst }: WantedFdb): string {
  return (dst?.includes(":") ? peer.ipv6Subnet : peer.subnet) ?? "";
}

function one(entry: Entry): Finding {
  const { wanted, found, variant } = entry;
  return {
    subject: `${wanted.mac} dev ${wanted.device}`,
    variant,
    arguments: {
      mac: wanted.mac,
      device: wanted.device,
      peer: wanted.dst ?? "",
      subnet: subnetOf(wanted),
      dst: found?.dst ?? "",
    },
    evidence: lines(entry),
    commands: commands(entry),
    ...(variant === "expires" ? { severity: "warning" } : {}),
  };
}

/** MACs that several peers publish, by device. */
function sharedMacs(wanted: readonly WantedFdb[]): Set<string> {
  const first = new Map<string, WantedFdb>();
  const shared = new Set<string>();
  for (const entry of wanted) {
    const key = `${entry.device} ${entry.mac}`;
    const other = first.get(key);
    if (other === undefined) first.set(key, entry);
    else if (!sameAddress(other.dst, entry.dst)) shared.add(key);
  }
  return shared;
}

/** FD509: FDB entries of peers on the vxlan device. */
export const FDB_WRONG = defineCheck({
  code: "FD509",
  name: "fdb-wrong",
  severity: "error",
  needs: ["expected", "fdb", "neighbours"],
  after: [...STATE_CAUSES, "FD204", "FD406", "FD505"],
  applies: unlessVxlanPeers,
  judge({ expected, fdb, neighbours }) {
    const used = settledFdb(expected, neighbours);
    const { missing, wrong } = diffFdb(used, fdb, vxlanNames(expected));
    const shared = sharedMacs(used);
    const entries: Entry[] = [
      ...missing.map((wanted): Entry => ({
        wanted,
        found: null,
        variant: "missing",
      })),
      ...wrong.map(({ wanted, observed, differs }): Entry => ({
        wanted,
        found: observed,
        variant: !differs.includes("dst")
          ? "expires"
          : shared.has(`${wanted.device} ${wanted.mac}`)
          ? "shared"
          : "wrong",
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
          total: used.filter((each) => each.device === device)
            .length,
          device,
        },
        evidence: all.slice(0, SHOWN).flatMap(lines),
        commands: ["systemctl restart flanneld"],
        ...(all.every(({ variant }) => variant === "expires")
          ? { severity: "warning" }
          : {}),
      }))
    );
  },
  text: {
    en: {
      title: "FDB entry of a peer is missing or wrong",
      messages: {
        missing:
          "{device} has no FDB entry for {mac}, the MAC of {peer}: frames for its containers ({subnet}) are sent nowhere.",
        wrong:
          "The FDB entry for {mac} on {device} leads to {dst}, but the host that publishes this MAC is {peer}: what containers here send to {subnet} ends at the wrong place.",
        expires:
          "The FDB entry for {mac} on {device} leads to {peer} but is not permanent: when it expires, frames for {subnet} are sent nowhere.",
        shared:
          "Several peers publish the MAC {mac}: frames for {subnet} ({peer}) go to {dst} instead.",
        many:
          "{count} of {total} FDB entries of peers on {device} are missing or wrong: their containers cannot be reached from here.",
      },
      meaning:
        "The forwarding database of the vxlan device says to which host a frame for a MAC is sent. flanneld writes one permanent entry a peer, from MAC and public IP in its lease. A MAC has one destination: where hosts were cloned from one image and share it, only one of them is reached. A peer that got another address is followed only by an agent that saw it.",
      symptoms:
        "The containers of one peer cannot be reached from here, though route and neighbour are right; the packets leave for another address, or not at all.",
      repair:
        `Write the entry as flannel would, with MAC and public IP from the peer's lease, or restart the agent, which writes all of them:
  bridge fdb replace 0e:5a:d2:4b:12:76 dev flannel.1 dst 192.168.1.11 self permanent
  systemctl restart flanneld
Where two hosts publish one MAC, delete the device on one of them and restart its agent: it gets a new one.
  ip link del flannel.1 && systemctl restart flanneld`,
      skips: NO_VXLAN.en,
    },
    zh: {
      title: "对端的 FDB 表项缺失或错误",
      messages: {
        missing:
          "{device} 上没有 {peer} 的 MAC {mac} 的 FDB 表项：发往其容器（{subnet}）的帧无处可去。",
        wrong:
          "{device} 上 {mac} 的 FDB 表项指向 {dst}，而公布这个 MAC 的是 {peer}：本机容器发往 {subnet} 的报文到了错误的地方。",
        expires:
          "{device} 上 {mac} 的 FDB 表项指向 {peer}，但不是永久的：过期之后发往 {subnet} 的帧无处可去。",
        shared:
          "有多个对端公布了同一个 MAC {mac}：发往 {subnet}（{peer}）的帧到了 {dst}。",
        many:
          "{device} 上对端的 {total} 条 FDB 表项中有 {count} 条缺失或错误，从本机访问不到那些主机上的容器。",
      },
      meaning:
        "vxlan 设备的转发表（FDB）决定发往某个 MAC 的帧送往哪台主机。flanneld 按对端租约中的 MAC 和公共 IP，为每个对端写入一条永久表项。一个 MAC 只能有一个目的地：由同一镜像克隆、MAC 相同的主机只有一台能到达。对端换了地址，只有收到该事件的代理才会跟上。",
      symptoms:
        "路由和邻居都正确，却访问不到某个对端的容器；报文发往了别的地址，或者根本没有发出。",
      repair:
        `按对端租约中的 MAC 和公共 IP 写入表项，或者重启代理，它会写入全部表项：
  bridge fdb replace 0e:5a:d2:4b:12:76 dev flannel.1 dst 192.168.1.11 self permanent
  systemctl restart flanneld
如果两台主机公布了同一个 MAC，在其中一台上删除设备并重启代理，它会得到新的 MAC：
  ip link del flannel.1 && systemctl restart flanneld`,
      skips: NO_VXLAN.zh,
    },
  },
  sources: [flannelIssue(958), flannelIssue(1145), flannelPull(1718)],
});
