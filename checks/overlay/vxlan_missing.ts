import type { Link } from "../../flannel/kernel.ts";
import { defineCheck, type Finding } from "../check.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import { NO_VXLAN, unlessVxlan, vxlanDevices } from "./overlay_facts.ts";
import {
  followsConflict,
  renamedVxlan,
  vxlanConflict,
  vxlanLine,
  wantedLine,
} from "./vxlan_conflict.ts";

/** Linux from here on gives a device that is up another name. */
const LIVE_RENAME = [6, 2] as const;

function takesLiveRename(release: string): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const [since, sinceMinor] = LIVE_RENAME;
  return major > since || (major === since && minor >= sinceMinor);
}

/** Gives a device its name back; a device that goes down loses its routes. */
function renameCommands(from: Link, to: string, release: string): string[] {
  const rename = `ip link set dev ${from.name} name ${to}`;
  if (from.up && takesLiveRename(release)) return [rename];
  return [
    ...from.up ? [`ip link set dev ${from.name} down`] : [],
    rename,
    `ip link set dev ${to} up`,
    "systemctl restart flanneld",
  ];
}

/** FD505: flannel's vxlan device is not there. */
export const VXLAN_MISSING = defineCheck({
  code: "FD505",
  name: "vxlan-missing",
  severity: "error",
  needs: ["expected", "links", "addresses", "node", "host"],
  after: [...STATE_CAUSES, "FD204", "FD512"],
  follows: followsConflict,
  applies: unlessVxlan,
  judge(facts) {
    const { links, node, host, expected } = facts;
    const missing = vxlanDevices(facts).filter(({ wanted, observed }) =>
      observed === null && vxlanConflict(wanted, links, node) === null
    );
    return missing.map(({ wanted }): Finding => {
      const { name } = wanted;
      const renamed = renamedVxlan(wanted, links, node);
      return {
        subject: name,
        ...renamed === null ? {} : { variant: "renamed" },
        arguments: {
          device: name,
          count: expected.neighbours
            .filter(({ device }) => device === name).length,
          ...renamed === null ? {} : { other: renamed.name },
        },
        evidence: [
          ...renamed === null
            ? []
            : [{ label: "found", text: vxlanLine(renamed) }],
          { label: "wanted", text: wantedLine(wanted) },
        ],
        commands: renamed === null
          ? ["systemctl restart flanneld"]
          : renameCommands(renamed, name, host.kernel),
      };
    });
  },
  text: {
    en: {
      title: "The vxlan device does not exist",
      messages: {
        default:
          "{device}, flannel's vxlan device, does not exist: routes, neighbours and FDB entries of every peer reached through it ({count}) went with it.",
        renamed:
          "{device}, flannel's vxlan device, is called {other} now. An agent that looks for {device} finds none, and the kernel makes no second one with its VNI and port.",
      },
      meaning:
        "flanneld makes the device when it starts. Whoever deletes it (a network restart, NetworkManager, another CNI's clean-up) takes everything on it along. flanneld from v0.27.4 on makes it again, without the peers' entries and with a MAC that the other hosts do not know; older ones notice nothing until they restart. One that was given another name may be all there, and packets pass through it, until the agent restarts: flanneld finds none of the name then and ends with `Link not found`, for the kernel makes no second one with this VNI and port. flandoc's agent gives it its name back.",
      symptoms:
        "No container of any other host can be reached, and none of them reaches this host; flanneld runs and logs nothing.",
      repair: `Restart the agent, which sets everything anew:
  systemctl restart flanneld
One that has another name gets its own back; before Linux 6.2 it has to be down for that, which costs it its routes, and the agent is restarted after it:
  ip link set dev vxlan0 name flannel.1
If it goes again, find who deletes it: \`ip monitor link\` shows when. With NetworkManager declare flannel's devices unmanaged.`,
      skips: NO_VXLAN.en,
    },
    zh: {
      title: "vxlan 设备不存在",
      messages: {
        default:
          "flannel 的 vxlan 设备 {device} 不存在：经它到达的对端（{count} 个）的路由、邻居表项和 FDB 表项都随之消失。",
        renamed:
          "flannel 的 vxlan 设备 {device} 现在叫 {other}。按名字查找 {device} 的代理找不到它，而内核不会再建一个 VNI 和端口相同的设备。",
      },
      meaning:
        "flanneld 启动时创建该设备。不论是谁删除了它（重启网络、NetworkManager、其他 CNI 的清理），其上的一切都随之消失。v0.27.4 起的 flanneld 会重建设备，但没有对端的表项，MAC 也是其他主机不认识的；更早的版本在重启之前毫无察觉。被改名的设备可能一切都在，报文照常通过，直到代理重启：flanneld 按名字找不到它，内核又不会再建一个 VNI 和端口相同的设备，于是报 `Link not found` 退出。flandoc 的代理会把名字改回来。",
      symptoms:
        "其他主机的容器全部访问不到，它们也访问不到本机；flanneld 在运行，日志里什么也没有。",
      repair: `重启代理，它会重新设置全部内容：
  systemctl restart flanneld
被改名的设备改回原名即可；Linux 6.2 之前须先把它 down 掉，路由会随之丢失，之后要重启代理：
  ip link set dev vxlan0 name flannel.1
如果再次消失，请查清是谁删除的：\`ip monitor link\` 能看到时间。使用 NetworkManager 时，把 flannel 的设备设为不受管理。`,
      skips: NO_VXLAN.zh,
    },
  },
  sources: [
    flannelIssue(1070),
    flannelIssue(1348),
    flannelPull(2247),
  ],
});
