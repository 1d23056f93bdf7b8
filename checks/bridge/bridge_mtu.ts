import { type Attachment, attachment } from "../attachment.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { groupFindings } from "../group_findings.ts";
import { beyondRecords } from "../records.ts";
import { SKIPS, unlessBridge, unsureBridge } from "../skips.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { portLine } from "./port_line.ts";

/** FD306: containers send larger packets than the overlay carries. */
export const BRIDGE_MTU: Check = defineCheck({
  code: "FD306",
  name: "bridge-mtu",
  severity: "error",
  needs: ["subnetEnv", "links", "addresses", "docker", "settings"],
  after: ["FD301", "FD302", "FD303", "FD304", "FD305", "FD307"],
  follows: beyondRecords,
  applies: unlessBridge,
  judge(facts) {
    const attached = attachment(facts);
    if (attached === null) return [];
    const { bridge } = attached;
    const { mtu } = facts.subnetEnv;
    // The bridge's own MTU follows its ports and says nothing without any:
    // dockerd leaves docker0 at 1500 until a container hangs on it.
    const large = facts.links.filter((link) =>
      link.master === bridge && link.mtu > mtu
    );
    const command = commandFor(attached);
    return groupFindings(large, (port): Finding => ({
      subject: port.name,
      arguments: { port: port.name, bridge, found: port.mtu, mtu },
      evidence: [
        { label: "device", text: portLine(port) },
        { label: "file", text: `FLANNEL_MTU=${mtu}` },
      ],
      commands: [command],
    }), (all): Finding => ({
      subject: bridge,
      variant: "many",
      arguments: { count: all.length, bridge, mtu },
      evidence: [
        ...all.slice(0, 5).map((port) => ({
          label: "device",
          text: portLine(port),
        })),
        { label: "file", text: `FLANNEL_MTU=${mtu}` },
      ],
      commands: [command],
    }));
  },
  unsure: unsureBridge,
  text: {
    en: {
      title: "Containers send larger packets than the overlay carries",
      messages: {
        default:
          "The container on {port} ({bridge}) has an MTU of {found}, the overlay carries {mtu}: its full packets to other hosts are lost.",
        many:
          "{count} containers on {bridge} have an MTU above the {mtu} that the overlay carries: their full packets to other hosts are lost.",
      },
      meaning:
        "A container keeps the MTU it was created with. It is right when it is not above FLANNEL_MTU. Docker sets it by --mtu, the CNI plugin by subnet.env; containers that are older than the last change of either have the former value. The bridge itself takes the least MTU of its ports, and tells nothing while it has none.",
      symptoms:
        "Ping and short requests between hosts work, large answers, TLS handshakes, uploads and image pulls hang. Within one host everything is fast.",
      repair:
        `Give Docker the MTU of subnet.env and create the containers anew; a restart of a container is not enough:
  grep FLANNEL_MTU /run/flannel/subnet.env
  mk-docker-opts.sh -k DOCKER_NETWORK_OPTIONS -d /run/flannel/docker
  systemctl restart docker
Under Kubernetes delete the pods concerned. To see whether it is this:
  ping -M do -s 1422 ADDRESS_OF_A_CONTAINER_ELSEWHERE`,
      skips: SKIPS.en,
    },
    zh: {
      title: "容器发出的报文超过 overlay 的承载能力",
      messages: {
        default:
          "{port}（{bridge}）上的容器 MTU 为 {found}，而 overlay 只能承载 {mtu}：它发往其他主机的满长报文会丢失。",
        many:
          "{bridge} 上有 {count} 个容器的 MTU 超过 overlay 所能承载的 {mtu}：它们发往其他主机的满长报文会丢失。",
      },
      meaning:
        "容器的 MTU 在创建时确定，不超过 FLANNEL_MTU 才正确。Docker 由 --mtu 决定，CNI 插件由 subnet.env 决定；在两者最近一次变化之前创建的容器仍是旧值。网桥自身的 MTU 取其端口中的最小值，没有端口时不能说明问题。",
      symptoms:
        "跨主机的 ping 和短请求正常，大的应答、TLS 握手、上传、拉取镜像会卡住；同一主机内一切正常。",
      repair:
        `让 Docker 使用 subnet.env 中的 MTU，并重新创建容器（仅重启容器不够）：
  grep FLANNEL_MTU /run/flannel/subnet.env
  mk-docker-opts.sh -k DOCKER_NETWORK_OPTIONS -d /run/flannel/docker
  systemctl restart docker
在 Kubernetes 中则删除相关的 Pod。验证是否属于此问题：
  ping -M do -s 1422 其他主机上某容器的地址`,
      skips: SKIPS.zh,
    },
  },
  sources: [
    flannelIssue(1011),
    flannelIssue(627),
    githubIssue("siderolabs/talos", 13457),
  ],
});

/** What shows who made the containers, or makes them anew. */
function commandFor({ by, bridge }: Attachment): string {
  if (by === "docker") return "systemctl restart docker";
  return by === "cni" ? "crictl pods" : `ip link show master ${bridge}`;
}
