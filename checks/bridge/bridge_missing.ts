import { attachment } from "../attachment.ts";
import { type Check, defineCheck } from "../check.ts";
import { SKIPS, unlessBridge, unsureBridge } from "../skips.ts";
import { flannelIssue, githubIssue } from "../sources.ts";

/** FD307: the bridge that containers hang on is missing or off. */
export const BRIDGE_MISSING: Check = defineCheck({
  code: "FD307",
  name: "bridge-missing",
  severity: "error",
  needs: ["subnetEnv", "links", "addresses", "docker", "settings"],
  after: ["FD301", "FD302"],
  applies: unlessBridge,
  judge(facts) {
    const attached = attachment(facts);
    if (attached === null) return [];
    const { bridge } = attached;
    const link = facts.links.find((link) => link.name === bridge);
    const docker = facts.docker;
    if (link === undefined) {
      return [{
        subject: bridge,
        variant: "default",
        arguments: { bridge },
        evidence: docker === null ? [] : [{
          label: "config",
          text: `bridge ${docker.bridge.value} (${docker.bridge.source})`,
        }],
        commands: ["ip link show type bridge", "systemctl restart docker"],
      }];
    }
    // Without a container the bridge has no carrier and its state is DOWN;
    // only the missing UP flag is a fault.
    if (link.up) return [];
    return [{
      subject: bridge,
      variant: "down",
      arguments: { bridge },
      evidence: [{
        label: "device",
        text:
          `${link.index}: ${bridge}: mtu ${link.mtu} state ${link.operState}`,
      }],
      commands: [`ip link set ${bridge} up`],
    }];
  },
  unsure: unsureBridge,
  text: {
    en: {
      title: "The containers' bridge is missing or off",
      messages: {
        default:
          "Docker runs, but its bridge {bridge} does not exist: containers have nothing to hang on.",
        down:
          "The bridge {bridge} is switched off: its containers reach nothing, and the route of this host's subnet is gone.",
      },
      meaning:
        "Docker makes its bridge when it starts and does not look after it later. When somebody deletes it, or a network manager takes it down, the running containers are cut off until Docker starts again. Under CNI the bridge is made with the first pod, so that a node without pods rightly has none; docker0 on such a node means nothing.",
      symptoms:
        "No container of this host reaches anything, not even the host. New ones fail to start with an error about the bridge.",
      repair: `Switch it on, or let Docker make it again:
  ip link set docker0 up
  systemctl restart docker
When it goes down by itself, keep NetworkManager's or systemd-networkd's hands off it (unmanaged-devices=interface-name:docker0).`,
      skips: SKIPS.en,
    },
    zh: {
      title: "容器网桥不存在或被关闭",
      messages: {
        default: "Docker 在运行，但它的网桥 {bridge} 不存在：容器无处接入。",
        down:
          "网桥 {bridge} 处于关闭状态：其上的容器什么都访问不到，本机子网的路由也消失了。",
      },
      meaning:
        "Docker 在启动时创建网桥，之后不再照看它。网桥被人删除或被网络管理程序关闭后，正在运行的容器就断了网，直到 Docker 重启。使用 CNI 时，网桥随第一个 Pod 创建，没有 Pod 的节点上没有网桥是正常的，这类节点上的 docker0 也无关紧要。",
      symptoms:
        "本机所有容器什么都访问不到，连本机也不行；新容器启动失败，报告与网桥有关的错误。",
      repair: `打开网桥，或让 Docker 重新创建：
  ip link set docker0 up
  systemctl restart docker
如果它自己会关闭，让 NetworkManager 或 systemd-networkd 不要管理它（unmanaged-devices=interface-name:docker0）。`,
      skips: SKIPS.zh,
    },
  },
  sources: [
    flannelIssue(1393),
    githubIssue("kubernetes/kubernetes", 26062),
  ],
});
