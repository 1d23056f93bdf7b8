import { attachment } from "../attachment.ts";
import { type Check, defineCheck, type Finding } from "../check.ts";
import { beyondRecords } from "../records.ts";
import { processLine } from "../flannel_agents.ts";
import { SKIPS, unlessDockerBridge, unsureBridge } from "../skips.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { firstAddressOf } from "../../flannel/subnet_env.ts";
import type { Known } from "../../snapshot/facts.ts";
import { applyOptionsCommands, dockerdOf } from "./dockerd.ts";

type Needs =
  | "subnetEnv"
  | "subnetEnvFile"
  | "docker"
  | "processes"
  | "units"
  | "persistence"
  | "settings"
  | "links"
  | "addresses";

/** What dockerd gives containers when nobody tells it an MTU. */
const DEFAULT_MTU = 1500;

/** Units that write subnet.env. */
const AGENT_UNIT = /\b(?:flanneld?|flandoc)(?:\.service)?\b/;

/** FD309: dockerd does not have, or will lose, the options of subnet.env. */
export const DOCKER_OPTIONS_UNAPPLIED: Check = defineCheck<Needs>({
  code: "FD309",
  name: "docker-options-unapplied",
  severity: "error",
  needs: [
    "subnetEnv",
    "subnetEnvFile",
    "docker",
    "processes",
    "units",
    "persistence",
    "settings",
    "links",
    "addresses",
  ],
  // What the kernel shows already is FD305's and FD306's to say.
  after: ["FD301", "FD302", "FD303", "FD304", "FD305", "FD306", "FD307"],
  follows: beyondRecords,
  applies: unlessDockerBridge,
  judge(facts) {
    if (facts.docker === null || attachment(facts)?.by !== "docker") return [];
    const bip = bipFinding(facts);
    const mtu = mtuFinding(facts);
    const order = bip === null ? orderFinding(facts) : null;
    return [bip, mtu, order].filter((finding) => finding !== null);
  },
  unsure: unsureBridge,
  text: {
    en: {
      title: "Docker does not run with subnet.env's options",
      messages: {
        bip:
          "Docker runs with bip {found}, subnet.env says {wanted}: new containers get addresses that no other host routes here.",
        unset:
          "{bridge} has {wanted} now, but Docker was not told so: without --bip it goes back to an address of its own when the bridge is made anew, at the latest after a reboot.",
        mtu:
          "Docker gives new containers an MTU of {found}, the overlay carries {wanted}: their full packets to other hosts will be lost.",
        order:
          "Docker's unit reads flannel's options from {file}, but nothing makes it start after flannel: after a reboot the file is not there yet and Docker starts without them.",
      },
      meaning:
        "Docker knows nothing of flannel. It is told the subnet by --bip and the MTU by --mtu when it starts, from what mk-docker-opts.sh made of subnet.env, and keeps them until its next start. So it has to start after flanneld, every time, and again when the subnet changes. What dockerd runs with counts, not what daemon.json or the unit says now.",
      symptoms:
        "Everything works until the next restart of Docker or of the host; then its containers are on 172.17.0.0/16, or large packets vanish.",
      repair: `Make the options and let Docker's unit read them, after flannel:
  mk-docker-opts.sh -k DOCKER_NETWORK_OPTIONS -d /run/flannel/docker
  systemctl edit docker
    [Unit]
    After=flanneld.service
    Requires=flanneld.service
    [Service]
    EnvironmentFile=/run/flannel/docker
    ExecStart=
    ExecStart=/usr/bin/dockerd -H fd:// $DOCKER_NETWORK_OPTIONS
  systemctl daemon-reload && systemctl restart docker
Take bip, mtu and ip-masq out of /etc/docker/daemon.json: dockerd refuses an option that is in both places.`,
      skips: SKIPS.en,
    },
    zh: {
      title: "Docker 没有使用 subnet.env 中的参数",
      messages: {
        bip:
          "Docker 的 bip 是 {found}，而 subnet.env 是 {wanted}：新容器的地址，其他主机没有到本机的路由。",
        unset:
          "{bridge} 目前的地址是 {wanted}，但并没有告诉 Docker：没有 --bip，网桥一旦重建（最迟在主机重启之后），Docker 就会改用自己的地址。",
        mtu:
          "Docker 给新容器的 MTU 是 {found}，而 overlay 只能承载 {wanted}：它们发往其他主机的满长报文会丢失。",
        order:
          "Docker 的服务单元从 {file} 读取 flannel 的参数，但没有规定在 flannel 之后启动：主机重启时该文件还不存在，Docker 会不带这些参数启动。",
      },
      meaning:
        "Docker 对 flannel 一无所知。它在启动时由 --bip 得知子网、由 --mtu 得知 MTU，这些参数由 mk-docker-opts.sh 根据 subnet.env 生成，并保持到下次启动。所以每次都必须在 flanneld 之后启动，子网变化后也要重启。起作用的是 dockerd 运行时的参数，而不是 daemon.json 或服务单元里现在写的内容。",
      symptoms:
        "在下一次重启 Docker 或主机之前一切正常；之后容器落到 172.17.0.0/16，或者大报文丢失。",
      repair: `生成参数，并让 Docker 的服务单元在 flannel 之后读取：
  mk-docker-opts.sh -k DOCKER_NETWORK_OPTIONS -d /run/flannel/docker
  systemctl edit docker
    [Unit]
    After=flanneld.service
    Requires=flanneld.service
    [Service]
    EnvironmentFile=/run/flannel/docker
    ExecStart=
    ExecStart=/usr/bin/dockerd -H fd:// $DOCKER_NETWORK_OPTIONS
  systemctl daemon-reload && systemctl restart docker
从 /etc/docker/daemon.json 中去掉 bip、mtu 和 ip-masq：同一参数两处都有时 dockerd 拒绝启动。`,
      skips: SKIPS.zh,
    },
  },
  sources: [
    flannelIssue(166),
    flannelIssue(195),
    flannelIssue(376),
    githubIssue("coreos/coreos-kubernetes", 698),
  ],
});

function commands({ subnetEnvFile }: Known<Needs>): string[] {
  return applyOptionsCommands(subnetEnvFile.path);
}

function dockerdLine(facts: Known<Needs>): Finding["evidence"] {
  const dockerd = dockerdOf(facts);
  return dockerd === undefined
    ? []
    : [{ label: "process", text: processLine(dockerd) }];
}

function bipFinding(facts: Known<Needs>): Finding | null {
  const { docker, subnetEnv } = facts;
  const wanted = subnetEnv.subnet;
  if (docker === null || wanted === null) return null;
  const { value, source } = docker.bip;
  // A file that has another address than flannel writes is FD302's to say.
  const right = [wanted, firstAddressOf(wanted)];
  const file = { label: "file", text: `FLANNEL_SUBNET=${wanted}` };
  if (value !== null && !right.includes(value)) {
    return {
      subject: `bip ${value}`,
      variant: "bip",
      arguments: { found: value, wanted },
      evidence: [
        { label: "config", text: `bip ${value} (${source})` },
        ...dockerdLine(facts),
        file,
      ],
      commands: commands(facts),
    };
  }
  if (isBipGiven(facts)) return null;
  return {
    subject: docker.bridge.value,
    variant: "unset",
    severity: "warning",
    arguments: { bridge: docker.bridge.value, wanted },
    evidence: [...dockerdLine(facts), file],
    commands: commands(facts),
  };
}

/**
 * Whether dockerd was told its bip, on its command line or by daemon.json.
 * A dockerd whose command line is not known counts as told, and so does one
 * with a bridge of its own (--bridge), whose address somebody else sets.
 */
function isBipGiven(facts: Known<Needs>): boolean {
  const { docker } = facts;
  const dockerd = dockerdOf(facts);
  if (docker === null || dockerd === undefined) return true;
  if (docker.bridge.value !== "docker0") return true;
  return dockerd.argv.some((word) => /^--?bip(?:=|$)/.test(word)) ||
    /"bip"\s*:/.test(docker.daemonJson?.text ?? "");
}

function mtuFinding(facts: Known<Needs>): Finding | null {
  const { docker, subnetEnv } = facts;
  const found = docker?.mtu.value ?? DEFAULT_MTU;
  if (docker === null || found <= subnetEnv.mtu) return null;
  return {
    subject: `mtu ${found}`,
    variant: "mtu",
    arguments: { found, wanted: subnetEnv.mtu },
    evidence: [
      { label: "config", text: `mtu ${found} (${docker.mtu.source})` },
      ...dockerdLine(facts),
      { label: "file", text: `FLANNEL_MTU=${subnetEnv.mtu}` },
    ],
    commands: commands(facts),
  };
}

/** Options out of a file in /run, with nothing that has flannel write it first. */
function orderFinding(facts: Known<Needs>): Finding | null {
  const { docker, persistence, units } = facts;
  if (docker === null || !persistence.systemd) return null;
  const lines = docker.unitFiles.flatMap((file) =>
    (file.text ?? "").split(/\r?\n/).map((text) => ({ path: file.path, text }))
  ).filter(({ text }) => !/^\s*[#;]/.test(text));
  const reads = lines.findLast(({ text }) =>
    /^EnvironmentFile=-?\/run\/(?:flannel\/|docker_opts)/.test(text)
  );
  if (reads === undefined) return null;
  const ordered =
    lines.some(({ text }) => /^After=/.test(text) && AGENT_UNIT.test(text)) ||
    units.some((unit) =>
      AGENT_UNIT.test(unit.name) &&
      unit.files.some((file) => /^Before=.*\bdocker\b/m.test(file.text ?? ""))
    );
  if (ordered) return null;
  const file = reads.text.replace(/^EnvironmentFile=-?/, "");
  return {
    subject: reads.path,
    variant: "order",
    severity: "warning",
    arguments: { file },
    evidence: [
      { label: "file", text: `${reads.path}: ${reads.text}` },
      { label: "wanted", text: "After=flanneld.service" },
    ],
    commands: ["systemctl edit docker"],
  };
}
