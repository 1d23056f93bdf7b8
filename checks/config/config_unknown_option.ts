import { type Check, defineCheck } from "../check.ts";
import { CONFIG_CAUSES } from "../records.ts";
import { versionInUse } from "../../flannel/version_in_use.ts";
import { oneLine } from "../one_line.ts";
import { flannelIssue } from "../sources.ts";
import { parsedConfig } from "./parsed_config.ts";

/** FD104: the config has options that flannel reads over without a word. */
export const CONFIG_UNKNOWN_OPTION: Check = defineCheck({
  code: "FD104",
  name: "config-unknown-option",
  severity: "warning",
  needs: ["configRecord", "settings", "processes"],
  after: CONFIG_CAUSES,
  judge({ configRecord, settings, processes }) {
    const version = versionInUse(processes, settings.store.value);
    const { unknownOptions } = parsedConfig(configRecord, settings, version);
    return unknownOptions.map((unknown) => ({
      subject: unknown.option,
      variant: unknown.since !== null
        ? "newer"
        : unknown.nearest !== null
        ? "misspelt"
        : "default",
      arguments: {
        option: unknown.option,
        since: unknown.since ?? "",
        nearest: unknown.nearest ?? "",
        version,
        line: unknown.position.line,
        column: unknown.position.column,
      },
      evidence: [
        { label: "key", text: configRecord.key },
        { label: "config", text: oneLine(configRecord.text ?? "") },
      ],
      commands: [],
    }));
  },
  text: {
    en: {
      title: "Option unknown to flannel",
      messages: {
        default:
          "flannel does not know the option {option} (line {line}, column {column}) and ignores it.",
        misspelt:
          "flannel does not know the option {option} (line {line}, column {column}) and ignores it; {nearest} is an option.",
        newer:
          "flannel {version} does not know the option {option} and ignores it; flannel v{since} is the first that does.",
      },
      meaning:
        "flannel reads the names of options without regard to case and skips the ones it does not know, silently. A misspelt option therefore looks set and is not: its default holds.",
      symptoms:
        "A setting has no effect: the tunnel has another VNI or port than written, DirectRouting does not happen, the subnets are of another size.",
      repair:
        `Correct the name and write the whole value again, then restart flanneld on every host:
  etcdctl set /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "vxlan", "DirectRouting": true}}'
Options of the backend belong inside the braces of Backend, beside Type.`,
    },
    zh: {
      title: "flannel 不认识的配置项",
      messages: {
        default:
          "flannel 不认识配置项 {option}（第 {line} 行第 {column} 列），会直接忽略它。",
        misspelt:
          "flannel 不认识配置项 {option}（第 {line} 行第 {column} 列），会直接忽略它；是否想写 {nearest}？",
        newer:
          "flannel {version} 不认识配置项 {option}，会直接忽略它；从 flannel v{since} 起才支持。",
      },
      meaning:
        "flannel 读取配置项名称时不区分大小写，遇到不认识的名称则一声不响地跳过。写错的配置项看上去已经设置，实际上生效的是默认值。",
      symptoms:
        "设置不起作用：隧道的 VNI 或端口与所写不符，DirectRouting 没有生效，子网大小不对。",
      repair: `改正名称后把整个值重新写入，再重启各主机的 flanneld：
  etcdctl set /coreos.com/network/config '{"Network": "172.7.0.0/16", "Backend": {"Type": "vxlan", "DirectRouting": true}}'
后端的选项要写在 Backend 的花括号里，与 Type 并列。`,
    },
  },
  sources: [flannelIssue(1168)],
});
