import { type Check, defineCheck } from "../check.ts";
import { allAgents } from "../flannel_agents.ts";
import { flannelIssue, flannelPull } from "../sources.ts";

/** Units that start an agent. */
const AGENT_UNIT = /^(?:flanneld?|flandoc)\.service$/;

/** FD801: no agent looks after this host. */
export const AGENT_NOT_RUNNING: Check = defineCheck({
  code: "FD801",
  name: "agent-not-running",
  severity: "error",
  needs: ["processes", "units", "subnetEnvFile"],
  judge({ processes, units, subnetEnvFile }) {
    if (allAgents(processes).length > 0) return [];
    const unit = units.find((unit) => AGENT_UNIT.test(unit.name));
    const name = unit?.name.replace(/\.service$/, "") ?? "flanneld";
    const used = subnetEnvFile.text !== null;
    return [{
      subject: unit?.name ?? "flanneld",
      variant: used ? "default" : "never",
      arguments: {
        path: subnetEnvFile.path,
        modified: subnetEnvFile.modified ?? "",
      },
      evidence: [
        ...(unit === undefined ? [] : [{
          label: "file",
          text: `${unit.files[0]?.path ?? unit.name} Restart=${
            unit.restart ?? "no"
          } ${unit.active ?? ""}`.trim(),
        }]),
        ...(used
          ? [{
            label: "file",
            text: `${subnetEnvFile.path} (${subnetEnvFile.modified})`,
          }]
          : []),
      ],
      commands: [
        `journalctl -u ${name} -n 50`,
        `systemctl start ${name}`,
      ],
    }];
  },
  text: {
    en: {
      title: "No flannel agent runs here",
      messages: {
        default:
          "No flannel agent runs on this host. What it made goes on working (subnet.env is of {modified}), except with the udp backend, where the agent carries every packet itself; its lease is not renewed and changes of other hosts are not followed.",
        never:
          "No flannel agent runs on this host and none has written {path}: the host has no subnet.",
      },
      meaning:
        "Routes, tunnel device and rules stay in the kernel when flanneld ends, so that nothing seems wrong at first. New hosts are not reachable from here, and 24 hours after the last renewal the lease ends and the subnet may go to another host. flanneld also ends by itself, with exit status 0, when its lease is revoked or when it does not know one of its flags.",
      symptoms:
        "Nothing for hours or days; then hosts that joined later cannot be reached, and at last two hosts have containers with the same addresses. Kubernetes goes on showing the condition FlannelIsUp.",
      repair:
        `See why it ended, make sure that etcd answers (flandoc check), then start it:
  journalctl -u flanneld -n 50
  systemctl start flanneld
Where it is started by a script: nohup sh ./flanneld.sh >> flanneld.log 2>&1 &
When the lease is gone meanwhile and the subnet is leased to another host, remove subnet.env first, and restart Docker afterwards. A unit for it needs Restart=always.`,
    },
    zh: {
      title: "本机没有运行 flannel 代理",
      messages: {
        default:
          "本机没有运行 flannel 代理。它之前建立的状态仍在工作（subnet.env 的时间是 {modified}），只有 udp 后端例外：那里每个包都由代理自己转发；租约无人续期，其他主机的变化也不再跟进。",
        never:
          "本机没有运行 flannel 代理，也没有代理写过 {path}：本机没有子网。",
      },
      meaning:
        "flanneld 退出后，路由、隧道设备和规则都留在内核里，所以起初看不出异常。但新加入的主机从本机访问不到；距最后一次续期 24 小时后租约到期，子网可能分给别的主机。租约被撤销，或不认识某个启动参数时，flanneld 也会自行退出，而且退出码是 0。",
      symptoms:
        "几小时甚至几天内毫无异常；之后访问不到后来加入的主机，最后两台主机上出现地址相同的容器。Kubernetes 中节点仍显示 FlannelIsUp。",
      repair: `查明退出原因，确认 etcd 有应答（flandoc check），再启动：
  journalctl -u flanneld -n 50
  systemctl start flanneld
用脚本启动的：nohup sh ./flanneld.sh >> flanneld.log 2>&1 &
如果期间租约已丢失、子网已租给别的主机，要先删除 subnet.env，启动后再重启 Docker。服务单元应设置 Restart=always。`,
    },
  },
  sources: [
    flannelIssue(831),
    flannelPull(722),
    flannelIssue(2039),
    flannelIssue(616),
  ],
});
