import { type Check, defineCheck } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { versionInUse } from "../../flannel/version_in_use.ts";
import { oneLine } from "../one_line.ts";
import { flannelIssue } from "../sources.ts";
import { parsedConfig } from "./parsed_config.ts";

/** FD106: a network is written with host bits, which flannel cuts off. */
export const NETWORK_NOT_CANONICAL: Check = defineCheck({
  code: "FD106",
  name: "network-not-canonical",
  severity: "warning",
  needs: ["configRecord", "settings", "processes"],
  after: CONFIG_CAUSES,
  judge({ configRecord, settings, processes }) {
    const version = versionInUse(processes, settings.store.value);
    const { notCanonical } = parsedConfig(configRecord, settings, version);
    return notCanonical.map(({ option, written, canonical }) => ({
      subject: `${option} ${written}`,
      arguments: { option, written, canonical },
      evidence: [
        { label: "key", text: configRecord.key },
        { label: "config", text: oneLine(configRecord.text ?? "") },
        { label: "wanted", text: `"${option}": "${canonical}"` },
      ],
      commands: [],
    }));
  },
  text: {
    en: {
      title: "Network written with host bits",
      messages: {
        default:
          "{option} is written as {written}; flannel takes it for {canonical}.",
      },
      meaning:
        "Addresses behind the prefix length mean nothing in a network. flannel cuts them off without a word, so that its routes, rules and subnet.env carry the cut form. Whoever wrote the longer form may have meant another prefix length.",
      symptoms:
        "The network is larger than the one who wrote it thought, or scripts that compare the config with subnet.env find a difference.",
      repair:
        `Write the network as flannel understands it; nothing has to be restarted:
  etcdctl set /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}'`,
    },
    zh: {
      title: "网络网段带有主机位",
      messages: {
        default: "{option} 写成了 {written}，flannel 会把它当作 {canonical}。",
      },
      meaning:
        "前缀长度之后的地址位对网段没有意义。flannel 会不声不响地把它们清零，路由、规则和 subnet.env 里都是清零后的写法。写下这些位的人，想要的可能是另一个前缀长度。",
      symptoms:
        "网络比预想的要大，或者拿配置与 subnet.env 比较的脚本认为两者不一致。",
      repair: `按 flannel 的理解重写网段即可，不需要重启任何服务：
  etcdctl set /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "host-gw"}}'`,
    },
  },
  sources: [flannelIssue(598)],
});
