import { type Check, defineCheck, type Finding } from "../check.ts";
import { allAgents, processLine } from "../flannel_agents.ts";
import { oneLine } from "../one_line.ts";
import { flannelIssue } from "../sources.ts";
import { execWords } from "./exec_words.ts";
import { noInterfaceFindings } from "./no_interface.ts";
import { canonicalAddress } from "../../flannel/address.ts";
import { nearestName } from "../../flannel/config_options.ts";
import {
  type FlagProblem,
  flagVariable,
  FLANNELD_FLAGS,
  parseFlags,
} from "../../flannel/flags.ts";
import type { Known, ProcessFacts } from "../../snapshot/facts.ts";

type Needs =
  | "processes"
  | "units"
  | "settings"
  | "links"
  | "addresses"
  | "routes";

/** Least and most minutes of --subnet-lease-renew-margin. */
const MARGIN = [1, 1439] as const;

/** FD803: flags and variables that flanneld does not take as they are meant. */
export const AGENT_FLAGS: Check = defineCheck<Needs>({
  code: "FD803",
  name: "agent-flags",
  severity: "error",
  needs: ["processes", "units", "settings", "links", "addresses", "routes"],
  leaves: ["node", "expected"],
  judge(facts) {
    const flags = [
      ...facts.processes.filter((process) => process.name === "flanneld")
        .flatMap((process) => [
          ...wordFindings(
            process.argv.slice(1),
            processLine(process),
            `${process.pid}`,
          ),
          ...variableFindings(process),
        ]),
      ...unitFindings(facts),
    ];
    // Without an interface there is nothing to compare the host with.
    return [
      ...flags.map(alone),
      ...noInterfaceFindings(facts),
      ...valueFindings(facts).map(alone),
    ];
  },
  text: {
    en: {
      title: "flanneld's flags are not right",
      messages: {
        unknown:
          "flanneld has no flag --{flag}: it prints its usage and ends with exit status 0.",
        misspelt:
          "flanneld has no flag --{flag}, it has --{nearest}: it prints its usage and ends with exit status 0.",
        "bad-value":
          "flanneld does not take {value} for --{flag}: it prints its usage and ends with exit status 0.",
        "no-value":
          "--{flag} has no value: flanneld prints its usage and ends.",
        ignored:
          "flanneld stops reading its command line at the word {word}: it ignores {ignored}.",
        "endpoints-blank":
          "The etcd endpoints have a blank after a comma; flanneld keeps it, and the endpoint {endpoint} cannot be reached.",
        variable:
          "The environment variable {variable} is none of flanneld's; it has no effect.",
        "variable-misspelt":
          "The environment variable {variable} is none of flanneld's and has no effect; {nearest} is one.",
        iface:
          "No interface is called {iface} or has that address: flanneld ends at start, as it finds no interface to use.",
        "no-match":
          "No interface here is what {flags} asks for: flanneld ends at start ({problem}).",
        "no-interface":
          "flanneld, started anew, would end, for want of an interface: {problem}.",
        margin:
          "--subnet-lease-renew-margin={value} is outside {least} to {most} minutes: flanneld ends at start.",
        "public-ip":
          "--public-ip={value} is not an IP address: flanneld ends at start.",
      },
      meaning:
        "flanneld reads its flags with Go's flag package: one dash or two, booleans only as --flag=false, and nothing any more after the first word that is no flag. Every flag can be given as a variable FLANNELD_…; variables it does not know are ignored. An unknown flag ends flanneld with exit status 0, which systemd takes for success.",
      symptoms:
        'The unit is "inactive (dead)" right after it was started, without an error; or flanneld runs and a setting has no effect; or it logs "Failed to find interface to use".',
      repair: `See what flanneld is started with, and correct it there:
  systemctl cat flanneld
  tr '\\0' ' ' < /proc/$(pidof flanneld)/cmdline
  ip -br address
  flanneld --help
--ip-masq=true, not --ip-masq true; endpoints separated by commas without blanks.`,
    },
    zh: {
      title: "flanneld 的启动参数有误",
      messages: {
        unknown:
          "flanneld 没有 --{flag} 这个参数：它会打印用法后退出，退出码为 0。",
        misspelt:
          "flanneld 没有 --{flag} 这个参数，是否想写 --{nearest}？它会打印用法后退出，退出码为 0。",
        "bad-value":
          "flanneld 不接受 --{flag} 的值 {value}：它会打印用法后退出，退出码为 0。",
        "no-value": "--{flag} 没有给出值：flanneld 会打印用法后退出。",
        ignored:
          "flanneld 读到 {word} 便不再往下解析命令行，忽略了 {ignored}。",
        "endpoints-blank":
          "etcd 端点列表的逗号后面有空格，flanneld 会保留这个空格，端点 {endpoint} 因此无法访问。",
        variable: "环境变量 {variable} 不是 flanneld 的变量，不起作用。",
        "variable-misspelt":
          "环境变量 {variable} 不是 flanneld 的变量，不起作用；是否想写 {nearest}？",
        iface:
          "本机没有名为 {iface} 或带有该地址的网卡：flanneld 找不到可用的网卡，启动后会退出。",
        "no-match":
          "本机没有符合 {flags} 的网卡：flanneld 启动后会退出（{problem}）。",
        "no-interface":
          "flanneld 如果重新启动，会因为找不到网卡而退出：{problem}。",
        margin:
          "--subnet-lease-renew-margin={value} 不在 {least} 到 {most} 分钟之内：flanneld 启动后会退出。",
        "public-ip":
          "--public-ip={value} 不是 IP 地址：flanneld 启动后会退出。",
      },
      meaning:
        "flanneld 使用 Go 的 flag 包解析参数：一个或两个短横线都可以，布尔参数只能写成 --flag=false，遇到第一个不是参数的词便不再解析。每个参数都可以用环境变量 FLANNELD_… 给出，不认识的变量会被忽略。遇到不认识的参数时，flanneld 以退出码 0 退出，systemd 会当作正常结束。",
      symptoms:
        "服务刚启动就变成 “inactive (dead)”，却没有报错；或者 flanneld 在运行而某项设置不起作用；或者日志中出现 “Failed to find interface to use”。",
      repair: `查看 flanneld 的启动方式，并在那里改正：
  systemctl cat flanneld
  tr '\\0' ' ' < /proc/$(pidof flanneld)/cmdline
  ip -br address
  flanneld --help
应写 --ip-masq=true，而不是 --ip-masq true；端点之间用逗号分隔，不加空格。`,
    },
  },
  sources: [flannelIssue(1353), flannelIssue(871), flannelIssue(1379)],
});

function alone(finding: Finding): Finding {
  return { ...finding, alone: true };
}

/** What Go's flag package makes of the words, beyond single flags. */
function wordFindings(
  words: readonly string[],
  line: string,
  where: string,
): Finding[] {
  const { values, rest } = parseFlags(words);
  const evidence = [{ label: "process", text: oneLine(line, 400) }];
  const common = { evidence, commands: [] };
  const findings: Finding[] = [];
  const ignored = rest.filter((word) => word.startsWith("-"));
  if (ignored.length > 0) {
    findings.push({
      ...common,
      subject: `flanneld ${where}`,
      variant: "ignored",
      arguments: { word: rest[0]!, ignored },
    });
  }
  const endpoint = values.get("etcd-endpoints")?.at(-1)?.split(",")
    .find((url) => url !== url.trim());
  if (endpoint !== undefined) {
    findings.push({
      ...common,
      subject: `"${endpoint}"`,
      variant: "endpoints-blank",
      arguments: { endpoint: `"${endpoint}"` },
    });
  }
  return findings;
}

function variableFindings(process: ProcessFacts): Finding[] {
  const names = FLANNELD_FLAGS.map((flag) => flagVariable(flag.name));
  return Object.keys(process.environment).filter((name) =>
    name.startsWith("FLANNELD_") && !names.includes(name)
  ).map((variable): Finding => {
    const nearest = nearestName(variable, names);
    return {
      subject: variable,
      variant: nearest === null ? "variable" : "variable-misspelt",
      severity: "info",
      arguments: { variable, nearest: nearest ?? "" },
      evidence: [{
        label: "process",
        text: `${process.pid} ${variable}=${process.environment[variable]}`,
      }],
      commands: [],
    };
  });
}

/**
 * Units whose flanneld does not run, for its flags may be why. One that runs
 * has taken its flags, whatever they are.
 */
function unitFindings({ processes, units }: Known<Needs>): Finding[] {
  if (allAgents(processes).length > 0) return [];
  return units.flatMap((unit) => {
    const words = execWords(unit);
    if (!words?.[0] || !/(?:^|\/)flanneld(?:-\w+)?$/.test(words[0])) return [];
    // What a variable stands for is not known; it may be several flags.
    const flags = words.slice(1).filter((word) => !word.includes("$"));
    const evidence = `${unit.name}: ${words.join(" ")}`;
    return [
      ...parseFlags(flags).problems.map((problem) =>
        problemFinding(problem, evidence)
      ),
      ...wordFindings(flags, evidence, unit.name),
    ];
  });
}

function problemFinding(problem: FlagProblem, line: string): Finding {
  const variant = problem.code === "unknown" && problem.nearest !== null
    ? "misspelt"
    : problem.code === "not-in-version"
    ? "unknown"
    : problem.code;
  return {
    subject: `--${problem.flag}`,
    variant,
    arguments: {
      flag: problem.flag,
      value: problem.value ?? "",
      nearest: problem.nearest ?? "",
    },
    evidence: [{ label: "file", text: oneLine(line, 400) }],
    commands: [],
  };
}

function valueFindings(facts: Known<Needs>): Finding[] {
  const { settings } = facts;
  const findings: Finding[] = [];
  const add = (
    subject: string,
    variant: string,
    args: Finding["arguments"],
    source: string,
    commands: readonly string[] = [],
  ) =>
    findings.push({
      subject,
      variant,
      arguments: args,
      evidence: [{ label: "config", text: `${subject} (${source})` }],
      commands,
    });
  const { subnetLeaseRenewMargin: margin, publicIP } = settings;
  const [least, most] = MARGIN;
  if (margin.value < least || margin.value > most) {
    add(
      `--subnet-lease-renew-margin=${margin.value}`,
      "margin",
      { value: margin.value, least, most },
      margin.source,
    );
  }
  if (publicIP.value !== "" && canonicalAddress(publicIP.value) === null) {
    add(
      `--public-ip=${publicIP.value}`,
      "public-ip",
      { value: publicIP.value },
      publicIP.source,
    );
  }
  return findings;
}
