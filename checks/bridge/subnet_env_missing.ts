import { type Check, defineCheck, type Finding } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { shellQuote } from "../shell_quote.ts";
import { allAgents, processLine } from "../flannel_agents.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { secondsBetween } from "../duration.ts";
import { valueOf } from "../../snapshot/fact.ts";

/** Seconds that a starting agent may need before it has written the file. */
const START_UP = 30;

/** FD301: the agent runs, but its subnet.env is not there. */
export const SUBNET_ENV_MISSING: Check = defineCheck({
  code: "FD301",
  name: "subnet-env-missing",
  severity: "error",
  needs: ["subnetEnvFile", "processes", "settings", "host"],
  // Whatever keeps the agent from a lease keeps it from the file as well.
  after: [...CONFIG_CAUSES, "FD801", "FD213", "FD204"],
  follows({ subnetEnvFile }) {
    const file = valueOf(subnetEnvFile);
    return file?.text === null && file.obstacle === undefined;
  },
  judge({ subnetEnvFile, processes, settings, host }) {
    if (subnetEnvFile.text !== null) return [];
    if (subnetEnvFile.obstacle !== undefined) {
      return [obstructed(subnetEnvFile.path, subnetEnvFile.obstacle)];
    }
    const agents = allAgents(processes);
    const starting = agents.some((agent) =>
      secondsBetween(agent.started, host.taken) < START_UP
    );
    return [{
      subject: subnetEnvFile.path,
      variant: starting ? "starting" : "default",
      ...(starting ? { severity: "info" } : {}),
      arguments: {
        path: subnetEnvFile.path,
        source: settings.subnetFile.source,
      },
      evidence: [
        { label: "file", text: subnetEnvFile.path },
        ...agents.map((agent) => ({
          label: "process",
          text: processLine(agent),
        })),
      ],
      commands: [
        "journalctl -u flanneld | grep -i 'subnet file'",
        "systemctl restart flanneld",
      ],
    }];
  },
  text: {
    en: {
      title: "subnet.env is missing",
      messages: {
        default:
          "{path} does not exist: Docker and CNI cannot learn this host's subnet from flannel.",
        starting: "{path} does not exist yet; the agent has only just started.",
        directory:
          "{path} is a directory: flanneld cannot put its own in the place, and Docker and CNI cannot learn this host's subnet.",
        obstacle:
          "{path} is no file such as flannel writes ({obstacle}), and was not read. The agent puts its own in the place when it is started again.",
      },
      meaning:
        "flanneld writes subnet.env once, when it has its lease: network, this host's subnet, MTU, and whether it masquerades. mk-docker-opts.sh makes Docker's options of it, the CNI plugin reads it for every container. /run is empty after a reboot, and nobody writes the file again while flanneld runs.",
      symptoms:
        'Pods stay in ContainerCreating with "open /run/flannel/subnet.env: no such file or directory"; Docker starts without --bip and puts containers on 172.17.0.0/16.',
      repair:
        `Never write the file by hand, and never copy it from another host: two hosts would use one subnet. Restart the agent, it writes the file anew:
  journalctl -u flanneld | grep -i "subnet file"
  systemctl restart flanneld
  cat /run/flannel/subnet.env
Where a directory has its name, a container was started that mounts the file before it was there: stop that container, rmdir the directory, restart the agent.
If flanneld writes it elsewhere (--subnet-file), give that path to mk-docker-opts.sh -f, or to the CNI plugin as "subnetFile".`,
    },
    zh: {
      title: "缺少 subnet.env",
      messages: {
        default:
          "{path} 不存在：Docker 和 CNI 无从得知 flannel 分给本机的子网。",
        starting: "{path} 还不存在；代理刚刚启动。",
        obstacle:
          "{path} 不是 flannel 写出的那种文件（{obstacle}），没有读取。代理重新启动时会把自己的文件放到这里。",
        directory:
          "{path} 是一个目录：flanneld 无法写入，Docker 和 CNI 也就无从得知本机的子网。",
      },
      meaning:
        "flanneld 取得租约后写入一次 subnet.env：网段、本机子网、MTU，以及是否做 SNAT。mk-docker-opts.sh 据此生成 Docker 的启动参数，CNI 插件在每次创建容器时读取它。/run 在重启后是空的，而 flanneld 运行期间不会再次写入该文件。",
      symptoms:
        "Pod 停在 ContainerCreating，提示 “open /run/flannel/subnet.env: no such file or directory”；Docker 启动时没有 --bip，容器落在 172.17.0.0/16 上。",
      repair:
        `不要手写这个文件，更不要从别的主机复制，否则两台主机会使用同一个子网。重启代理，它会重新写入：
  journalctl -u flanneld | grep -i "subnet file"
  systemctl restart flanneld
  cat /run/flannel/subnet.env
如果该路径是一个目录，说明有容器在文件出现之前就挂载了它：先停掉那个容器，用 rmdir 删除目录，再重启代理。
如果 flanneld 用 --subnet-file 写到了别处，就把该路径告诉 mk-docker-opts.sh -f，或写进 CNI 插件的 "subnetFile"。`,
    },
  },
  sources: [
    flannelIssue(2253),
    flannelIssue(1399),
    githubIssue("kubernetes/kubernetes", 70202),
    githubIssue("k3s-io/k3s", 11619),
  ],
});

/** What the system says of a directory where a file was to be read. */
const DIRECTORY = "Is a directory";

/**
 * Something else has the file's place. flannel renames its own over it, which
 * a directory alone withstands.
 */
function obstructed(path: string, obstacle: string): Finding {
  const directory = obstacle === DIRECTORY;
  return {
    subject: path,
    variant: directory ? "directory" : "obstacle",
    arguments: { path, obstacle },
    evidence: [{ label: "file", text: path }],
    commands: [
      `ls -ld ${shellQuote(path)}`,
      ...(directory ? [`rmdir ${shellQuote(path)}`] : []),
      "systemctl restart flanneld",
    ],
  };
}
