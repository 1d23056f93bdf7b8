import { type Check, defineCheck } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { flannelMtu } from "../../flannel/mtu.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { valueOf } from "../../snapshot/fact.ts";

/** FD304: FLANNEL_MTU is not what the backend and the interface give. */
export const SUBNET_ENV_MTU: Check = defineCheck({
  code: "FD304",
  name: "subnet-env-mtu",
  severity: "error",
  needs: ["subnetEnv", "subnetEnvFile", "node", "config"],
  after: [...CONFIG_CAUSES, "FD109", "FD210", "FD301", "FD302", "FD303"],
  applies(facts) {
    const config = valueOf(facts.config);
    return config !== undefined && flannelMtu(config, 0) === null
      ? "unmodelled"
      : undefined;
  },
  judge({ subnetEnv, subnetEnvFile, node, config }) {
    const { mtu } = subnetEnv;
    const wanted = flannelMtu(config, node.deviceMtu);
    if (wanted === null || mtu === wanted) return [];
    const large = mtu > wanted;
    return [{
      subject: "FLANNEL_MTU",
      variant: large ? "large" : "small",
      severity: large ? "error" : "warning",
      arguments: {
        mtu,
        wanted,
        path: subnetEnvFile.path,
        backend: config.backendType,
        device: node.device,
        deviceMtu: node.deviceMtu,
      },
      evidence: [
        { label: "file", text: `FLANNEL_MTU=${mtu}` },
        { label: "wanted", text: `FLANNEL_MTU=${wanted}` },
        { label: "device", text: `${node.device} mtu ${node.deviceMtu}` },
      ],
      commands: ["systemctl restart flanneld", "systemctl restart docker"],
    }];
  },
  text: {
    en: {
      title: "FLANNEL_MTU does not fit the interface",
      messages: {
        large:
          "FLANNEL_MTU in {path} is {mtu}, but the {backend} backend over {device} (MTU {deviceMtu}) carries {wanted} only: full packets of containers are lost.",
        small:
          "FLANNEL_MTU in {path} is {mtu}, though the {backend} backend over {device} (MTU {deviceMtu}) carries {wanted}.",
      },
      meaning:
        "flanneld takes the MTU of the external interface when it starts and subtracts what its backend adds to a packet: nothing for host-gw, 50 for vxlan, 28 for udp, 20 for ipip, 80 for wireguard. A change of the interface's MTU or of the backend later on does not reach the file until flanneld is restarted.",
      symptoms:
        "Too large: ping and small requests work, large answers, TLS handshakes and image pulls hang, between hosts only. Too small: nothing breaks, throughput is lower than it could be.",
      repair:
        `Restart flanneld on this host, then Docker; containers get the MTU when they are created anew:
  ip link show dev eth0
  systemctl restart flanneld
  systemctl restart docker
An existing flannel.1 keeps its MTU: ip link set flannel.1 mtu 1450. All hosts should have one and the same.`,
      skips: { unmodelled: "flandoc does not know this backend's MTU" },
    },
    zh: {
      title: "FLANNEL_MTU 与网卡不符",
      messages: {
        large:
          "{path} 中的 FLANNEL_MTU 是 {mtu}，而 {backend} 后端经 {device}（MTU {deviceMtu}）只能承载 {wanted}：容器的满长报文会丢失。",
        small:
          "{path} 中的 FLANNEL_MTU 是 {mtu}，而 {backend} 后端经 {device}（MTU {deviceMtu}）可以承载 {wanted}。",
      },
      meaning:
        "flanneld 启动时取外部网卡的 MTU，减去后端封装增加的长度：host-gw 为 0，vxlan 为 50，udp 为 28，ipip 为 20，wireguard 为 80。之后修改网卡 MTU 或更换后端，要等 flanneld 重启才会反映到文件中。",
      symptoms:
        "过大：ping 和小请求正常，大的应答、TLS 握手、拉取镜像会卡住，且只发生在跨主机时。过小：功能正常，只是吞吐量偏低。",
      repair:
        `重启本机的 flanneld，再重启 Docker；容器重新创建后才会使用新的 MTU：
  ip link show dev eth0
  systemctl restart flanneld
  systemctl restart docker
已有的 flannel.1 会保留原来的 MTU：ip link set flannel.1 mtu 1450。各主机应当一致。`,
      skips: { unmodelled: "flandoc 不了解这种后端的 MTU" },
    },
  },
  sources: [
    flannelIssue(1011),
    flannelIssue(463),
    githubIssue("rootsongjc/kubernetes-handbook", 30),
  ],
});
