import { type Check, defineCheck } from "../check.ts";
import { versionInUse } from "../../flannel/version_in_use.ts";
import { oneLine } from "../one_line.ts";
import { flannelIssue } from "../sources.ts";
import { parsedConfig } from "./parsed_config.ts";
import { showConfig } from "./show_config.ts";

/** FD102: flanneld refuses the network config. One finding a reason. */
export const CONFIG_INVALID: Check = defineCheck({
  code: "FD102",
  name: "config-invalid",
  severity: "error",
  needs: ["configRecord", "settings", "processes"],
  after: ["FD201", "FD101", "FD103"],
  judge({ configRecord, settings, processes }) {
    const version = versionInUse(processes, settings.store.value);
    const { problems } = parsedConfig(configRecord, settings, version);
    return problems.map((problem) => ({
      subject: problem.option === "" ? configRecord.key : problem.option,
      variant: problem.code,
      arguments: {
        key: configRecord.key,
        option: problem.option,
        value: problem.value ?? "",
        line: problem.position?.line ?? 1,
        column: problem.position?.column ?? 1,
      },
      evidence: [
        { label: "config", text: oneLine(configRecord.text ?? "") },
        { label: "found", text: oneLine(problem.message) },
        { label: "wanted", text: problem.wanted },
      ],
      commands: [showConfig(settings, configRecord)],
    }));
  },
  text: {
    en: {
      title: "flanneld refuses the network config",
      messages: {
        "not-json":
          "The network config is not JSON (line {line}, column {column}): flanneld cannot read it.",
        "not-object":
          "The network config is JSON, but not an object in braces: flanneld cannot read it.",
        "wrong-type":
          "{option} has a value of the wrong kind, {value}: flanneld cannot read the network config.",
        "no-family":
          "EnableIPv4 and EnableIPv6 are both off: flanneld ends because it has no address family to serve.",
        "network-missing":
          "{option} is missing: flannel has no range to take subnets from.",
        "network-too-small":
          "{option} {value} is too small to be cut into subnets.",
        "subnet-len-too-long":
          "{option} {value} makes each host's subnet too small to hold containers.",
        "subnet-len-too-short":
          "{option} {value} leaves room for fewer than four subnets in the network.",
        "subnet-min-outside": "{option} {value} lies outside the network.",
        "subnet-max-outside": "{option} {value} lies outside the network.",
        "subnet-min-unaligned":
          "{option} {value} is not the first address of a subnet.",
        "subnet-max-unaligned":
          "{option} {value} is not the first address of a subnet.",
        "backend-option":
          "{option} {value} is not a value that this backend takes: flanneld ends at start.",
      },
      meaning:
        "flanneld checks the network config when it starts and again when it takes a lease, and ends or retries for ever when a rule is broken. Running hosts notice nothing until their next restart or reboot, so a wrong value may lie in the store for weeks.",
      symptoms:
        'flanneld repeats "Couldn\'t fetch network config" or ends with the message shown under "found". New hosts get no subnet; old ones go on until they restart. Typographic quotes pasted from a web page, trailing commas and numbers in quotes are the usual slips.',
      repair:
        `Write the whole value again, in straight single quotes, and read it back:
  etcdctl set /coreos.com/network/config '{"Network": "172.7.0.0/16", "SubnetLen": 24, "Backend": {"Type": "host-gw"}}'
  etcdctl get /coreos.com/network/config
With the v3 API: ETCDCTL_API=3 etcdctl put KEY VALUE. SubnetLen must be at least two longer than the Network's prefix and at most 30; SubnetMin and SubnetMax are first addresses of subnets inside the Network; numbers and true/false stand without quotes. Under Kubernetes the value is net-conf.json in the ConfigMap kube-flannel-cfg.`,
    },
    zh: {
      title: "网络配置不合法",
      messages: {
        "not-json":
          "网络配置不是合法的 JSON（第 {line} 行第 {column} 列），flanneld 无法读取。",
        "not-object":
          "网络配置虽是 JSON，但不是花括号括起的对象，flanneld 无法读取。",
        "wrong-type":
          "{option} 的值 {value} 类型不对，flanneld 无法读取网络配置。",
        "no-family":
          "EnableIPv4 与 EnableIPv6 都关闭了，flanneld 没有可用的地址族，会直接退出。",
        "network-missing": "缺少 {option}，flannel 不知道从哪个网段划分子网。",
        "network-too-small": "{option} {value} 太小，划不出子网。",
        "subnet-len-too-long":
          "{option} {value} 使每台主机的子网太小，放不下容器。",
        "subnet-len-too-short": "{option} {value} 使整个网络划不出四个子网。",
        "subnet-min-outside": "{option} {value} 不在网络网段之内。",
        "subnet-max-outside": "{option} {value} 不在网络网段之内。",
        "subnet-min-unaligned": "{option} {value} 不是子网的起始地址。",
        "subnet-max-unaligned": "{option} {value} 不是子网的起始地址。",
        "backend-option":
          "{option} {value} 不是该后端接受的取值，flanneld 启动后会退出。",
      },
      meaning:
        "flanneld 在启动时以及申请租约时都会校验网络配置，任何一条规则不满足就退出或无限重试。已经运行的主机在下次重启之前毫无察觉，因此错误的配置可能在存储里潜伏很久。",
      symptoms:
        "flanneld 反复打印 “Couldn't fetch network config”，或者以“实际”一行所示的消息退出。新主机得不到子网，旧主机在重启前一切正常。常见原因：从网页复制来的中文引号、多余的逗号、给数字加了引号。",
      repair: `用英文单引号把整个值重新写一遍，再读回来核对：
  etcdctl set /coreos.com/network/config '{"Network": "172.7.0.0/16", "SubnetLen": 24, "Backend": {"Type": "host-gw"}}'
  etcdctl get /coreos.com/network/config
使用 v3 API 时：ETCDCTL_API=3 etcdctl put 键 值。SubnetLen 至少比 Network 的前缀长 2，最大 30；SubnetMin、SubnetMax 须是 Network 内某个子网的起始地址；数字和 true/false 不加引号。在 Kubernetes 中，该值是 ConfigMap kube-flannel-cfg 里的 net-conf.json。`,
    },
  },
  sources: [flannelIssue(1168), flannelIssue(875), flannelIssue(598)],
});
