import { defineCheck } from "../check.ts";
import { STATE_CAUSES } from "../records.ts";
import { flannelIssue, flannelPull } from "../sources.ts";
import { NO_VXLAN, unlessVxlan, vxlanDevices } from "./overlay_facts.ts";

/** FD505: flannel's vxlan device is not there. */
export const VXLAN_MISSING = defineCheck({
  code: "FD505",
  name: "vxlan-missing",
  severity: "error",
  needs: ["expected", "links", "addresses", "node"],
  after: [...STATE_CAUSES, "FD204"],
  applies: unlessVxlan,
  judge(facts) {
    return vxlanDevices(facts).filter(({ observed }) => observed === null)
      .map(({ wanted }) => ({
        subject: wanted.name,
        arguments: {
          device: wanted.name,
          count: facts.expected.neighbours
            .filter(({ device }) => device === wanted.name).length,
        },
        evidence: [{
          label: "wanted",
          text:
            `${wanted.name}: vxlan id ${wanted.vxlan?.vni} dstport ${wanted.vxlan?.port} local ${wanted.vxlan?.local} dev ${wanted.vxlan?.lower}`,
        }],
        commands: ["systemctl restart flanneld"],
      }));
  },
  text: {
    en: {
      title: "The vxlan device does not exist",
      messages: {
        default:
          "{device}, flannel's vxlan device, does not exist: routes, neighbours and FDB entries of every peer reached through it ({count}) went with it.",
      },
      meaning:
        "flanneld makes the device when it starts. Whoever deletes it (a network restart, NetworkManager, another CNI's clean-up) takes everything on it along. flanneld from v0.27.4 on makes it again, without the peers' entries and with a MAC that the other hosts do not know; older ones notice nothing until they restart.",
      symptoms:
        "No container of any other host can be reached, and none of them reaches this host; flanneld runs and logs nothing.",
      repair: `Restart the agent, which sets everything anew:
  systemctl restart flanneld
If it goes again, find who deletes it: \`ip monitor link\` shows when. With NetworkManager declare flannel's devices unmanaged.`,
      skips: NO_VXLAN.en,
    },
    zh: {
      title: "vxlan 设备不存在",
      messages: {
        default:
          "flannel 的 vxlan 设备 {device} 不存在：经它到达的对端（{count} 个）的路由、邻居表项和 FDB 表项都随之消失。",
      },
      meaning:
        "flanneld 启动时创建该设备。不论是谁删除了它（重启网络、NetworkManager、其他 CNI 的清理），其上的一切都随之消失。v0.27.4 起的 flanneld 会重建设备，但没有对端的表项，MAC 也是其他主机不认识的；更早的版本在重启之前毫无察觉。",
      symptoms:
        "其他主机的容器全部访问不到，它们也访问不到本机；flanneld 在运行，日志里什么也没有。",
      repair: `重启代理，它会重新设置全部内容：
  systemctl restart flanneld
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
