import { attachment } from "../attachment.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { secondsBetween } from "../duration.ts";
import { beyondRecords } from "../records.ts";
import { processLine } from "../flannel_agents.ts";
import { SKIPS, unlessBridge, unsureBridge } from "../skips.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { containsAddress, parseCidr } from "../../flannel/cidr.ts";
import { formatAddress } from "../../flannel/format.ts";
import type { Address, Link } from "../../flannel/kernel.ts";
import type { SubnetEnv } from "../../flannel/network_config_types.ts";
import { firstAddressOf } from "../../flannel/subnet_env.ts";
import { valueOf } from "../../snapshot/fact.ts";
import type { Known } from "../../snapshot/facts.ts";
import { applyOptionsCommands, dockerdOf } from "./dockerd.ts";
import { portLine } from "./port_line.ts";

type Needs =
  | "subnetEnv"
  | "subnetEnvFile"
  | "addresses"
  | "links"
  | "docker"
  | "processes"
  | "settings";

/** FD305: the containers' bridge is not on this host's subnet. */
export const BRIDGE_ADDRESS: Check = defineCheck<Needs>({
  code: "FD305",
  name: "bridge-address",
  severity: "error",
  needs: [
    "subnetEnv",
    "subnetEnvFile",
    "addresses",
    "links",
    "docker",
    "processes",
    "settings",
  ],
  after: ["FD301", "FD302", "FD303", "FD307"],
  follows: beyondRecords,
  applies(facts) {
    return unlessBridge(facts) ??
      (valueOf(facts.subnetEnv)?.subnet === null ? "no-ipv4" : undefined);
  },
  judge(facts) {
    const { subnetEnv, addresses, links, docker } = facts;
    const { subnet } = subnetEnv;
    const attached = attachment(facts);
    if (attached === null || subnet === null) return [];
    const wanted = firstAddressOf(subnet);
    const { bridge, by } = attached;
    if (!links.some((link) => link.name === bridge)) return [];
    const found = addresses.filter((address) =>
      address.device === bridge && address.family === 4
    );
    const texts = found.map((a) => `${a.address}/${a.prefixLength}`);
    // A file that has another address than flannel writes is FD302's to say.
    if (texts.includes(wanted) || texts.includes(subnet)) return [];
    const variant = found.length === 0
      ? "none"
      : by !== "docker"
      ? by
      : dockerStartedFirst(facts)
      ? "docker-first"
      : "default";
    return [{
      subject: bridge,
      variant,
      arguments: { bridge, found: texts, wanted },
      evidence: [
        ...found.map((address) => ({
          label: "address",
          text: formatAddress(address),
        })),
        { label: "file", text: `FLANNEL_SUBNET=${subnet}` },
        ...(by === "docker" ? dockerEvidence(facts) : []),
        ...(by === "other" ? portEvidence(bridge, links) : []),
      ],
      commands: by === "docker"
        ? applyOptionsCommands(facts.subnetEnvFile.path)
        : by === "cni"
        ? cniCommands(bridge, found, docker !== null)
        : otherCommands(bridge, found, wanted, subnetEnv),
    }];
  },
  unsure: unsureBridge,
  text: {
    en: {
      title: "The containers' bridge is not on the leased subnet",
      messages: {
        default:
          "{bridge} has {found}, but flannel gave this host {wanted}: other hosts route nothing to containers with these addresses.",
        "docker-first":
          "{bridge} has {found}, but flannel gave this host {wanted}: Docker was started before flannel wrote subnet.env, and does not read it again.",
        cni:
          "{bridge} has {found}, but flannel gave this host {wanted}: new pods fail, and the old ones have addresses that are routed elsewhere.",
        other:
          "{bridge} has {found}, but flannel gave this host {wanted}: other hosts route nothing to containers with these addresses. Neither Docker nor a CNI plugin seems to look after this bridge.",
        none: "{bridge} has no IPv4 address; flannel gave this host {wanted}.",
      },
      meaning:
        "The bridge holds the first address of this host's subnet and is the gateway of its containers. Docker takes it from --bip when it starts, so it must start after flanneld has written subnet.env; the CNI bridge plugin sets it when it makes the bridge and refuses to change it. A bridge of another name counts as the containers' one when it is on the subnet, or when containers hang on it and its address would be the first of another host's subnet: the lease has changed and the bridge has not. Networks that were made with docker network create are outside flannel and are not meant.",
      symptoms:
        'Containers get 172.17.0.x, the same on every host, or addresses of a former subnet, and reach nothing on other hosts. Under Kubernetes: failed to set bridge addr: "cni0" already has an IP address different from 10.244.X.1/24.',
      repair:
        `Docker: make the options from subnet.env and restart Docker; all its containers restart:
  mk-docker-opts.sh -k DOCKER_NETWORK_OPTIONS -d /run/flannel/docker
  cat /run/flannel/docker
  systemctl restart docker
The unit must read them, in /etc/systemd/system/docker.service.d/10-flannel.conf:
  [Unit]
  After=flanneld.service
  Requires=flanneld.service
  [Service]
  EnvironmentFile=/run/flannel/docker
  ExecStart=
  ExecStart=/usr/bin/dockerd $DOCKER_NETWORK_OPTIONS
A "bip" in /etc/docker/daemon.json has to go: dockerd refuses both. CNI: drain the node, ip link delete cni0, and let the next pod make it again. Another bridge: whatever made it gives it the new address and its containers new ones; until then it may have both. If it is no bridge of this network, move it to other addresses (flandoc explain FD107):
  ip address add 172.7.77.1/24 brd + dev br0`,
      skips: {
        ...SKIPS.en,
        "no-ipv4": "subnet.env gives this host no IPv4 subnet",
      },
    },
    zh: {
      title: "容器网桥不在本机租到的子网上",
      messages: {
        default:
          "{bridge} 的地址是 {found}，而 flannel 分给本机的是 {wanted}：其他主机没有到这些容器地址的路由。",
        "docker-first":
          "{bridge} 的地址是 {found}，而 flannel 分给本机的是 {wanted}：Docker 在 flannel 写出 subnet.env 之前就已启动，不会再次读取。",
        cni:
          "{bridge} 的地址是 {found}，而 flannel 分给本机的是 {wanted}：新建的 Pod 会失败，原有 Pod 的地址被路由到别处。",
        other:
          "{bridge} 的地址是 {found}，而 flannel 分给本机的是 {wanted}：其他主机没有到这些容器地址的路由。看来这个网桥既不归 Docker 管，也不归 CNI 插件管。",
        none: "{bridge} 没有 IPv4 地址；flannel 分给本机的是 {wanted}。",
      },
      meaning:
        "网桥持有本机子网的第一个地址，是本机容器的网关。Docker 在启动时从 --bip 取得它，所以必须在 flanneld 写出 subnet.env 之后启动；CNI 的 bridge 插件在创建网桥时设置它，之后拒绝更改。其他名称的网桥，如果在本机子网上，或者有容器接入、地址又恰是另一台主机子网的第一个地址（租约变了而网桥没变），也视为容器网桥。用 docker network create 创建的网络不归 flannel 管，不在此列。",
      symptoms:
        '容器得到 172.17.0.x（每台主机都一样）或旧子网的地址，访问不到其他主机。在 Kubernetes 中的提示：failed to set bridge addr: "cni0" already has an IP address different from 10.244.X.1/24。',
      repair:
        `Docker：由 subnet.env 生成启动参数并重启 Docker，所有容器都会重启：
  mk-docker-opts.sh -k DOCKER_NETWORK_OPTIONS -d /run/flannel/docker
  cat /run/flannel/docker
  systemctl restart docker
服务单元必须读取这些参数，写在 /etc/systemd/system/docker.service.d/10-flannel.conf：
  [Unit]
  After=flanneld.service
  Requires=flanneld.service
  [Service]
  EnvironmentFile=/run/flannel/docker
  ExecStart=
  ExecStart=/usr/bin/dockerd $DOCKER_NETWORK_OPTIONS
/etc/docker/daemon.json 里的 "bip" 要去掉，两处同时给出时 dockerd 拒绝启动。CNI：先排空节点，再 ip link delete cni0，下一个 Pod 会重新创建它。其他网桥：由创建它的程序换上新地址，并给容器换新地址；在此之前两个地址可以并存。如果它根本不属于本网络，就让它换用别的网段（flandoc explain FD107）：
  ip address add 172.7.77.1/24 brd + dev br0`,
      skips: {
        ...SKIPS.zh,
        "no-ipv4": "subnet.env 没有给本机 IPv4 子网",
      },
    },
  },
  sources: [
    flannelIssue(166),
    flannelIssue(424),
    flannelIssue(1393),
    githubIssue("containernetworking/cni", 306),
    githubIssue("kubernetes/kubernetes", 39557),
  ],
});

/** Whether dockerd runs since before subnet.env was written. */
function dockerStartedFirst(facts: Known<Needs>): boolean {
  const { modified } = facts.subnetEnvFile;
  const dockerd = dockerdOf(facts);
  return dockerd !== undefined && modified !== null &&
    secondsBetween(dockerd.started, modified) > 0;
}

function dockerEvidence(facts: Known<Needs>): Finding["evidence"] {
  const { docker, subnetEnvFile } = facts;
  const dockerd = dockerdOf(facts);
  return [
    {
      label: "config",
      text: `bip ${docker?.bip.value ?? "-"} (${docker?.bip.source})`,
    },
    ...(dockerd === undefined ? [] : [{
      label: "process",
      text: `${processLine(dockerd)} (${dockerd.started})`,
    }]),
    {
      label: "file",
      text: `${subnetEnvFile.path} (${subnetEnvFile.modified})`,
    },
  ];
}

/** Ports shown of a bridge that nobody known looks after. */
const SHOWN_PORTS = 3;

function portEvidence(
  bridge: string,
  links: readonly Link[],
): Finding["evidence"] {
  return links.filter(({ master }) => master === bridge)
    .slice(0, SHOWN_PORTS)
    .map((port) => ({ label: "device", text: portLine(port) }));
}

/** The new address beside the old ones of this network, and then without. */
function otherCommands(
  bridge: string,
  found: readonly Address[],
  wanted: string,
  { network }: SubnetEnv,
): string[] {
  const range = network === null ? null : parseCidr(network);
  const former = found.filter(({ address }) =>
    range !== null && containsAddress(range, address)
  );
  return [
    `ip link show master ${bridge}`,
    `ip address add ${wanted} brd + dev ${bridge}`,
    ...former.map((a) =>
      `ip address del ${a.address}/${a.prefixLength} dev ${bridge}   # once no container uses it as its gateway`
    ),
  ];
}

function cniCommands(
  bridge: string,
  found: readonly Address[],
  docker: boolean,
): string[] {
  // Containers that run still have the address for their gateway.
  return [
    docker ? "docker ps" : "crictl pods",
    ...found.map((a) =>
      `ip address del ${a.address}/${a.prefixLength} dev ${bridge}   # once nothing runs on it: drain the node first`
    ),
  ];
}
