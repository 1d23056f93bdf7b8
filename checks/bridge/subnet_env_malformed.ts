import {
  type Check,
  defineCheck,
  type Evidence,
  type Finding,
  type Severity,
} from "../check.ts";
import { oneLine } from "../one_line.ts";
import { shellQuote } from "../shell_quote.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import {
  firstAddressOf,
  parseSubnetEnv,
  type SubnetEnvProblem,
} from "../../flannel/subnet_env.ts";

/** Lines shown as evidence of one kind. */
const SHOWN = 4;

/** FD302: subnet.env holds something its readers cannot use. */
export const SUBNET_ENV_MALFORMED: Check = defineCheck({
  code: "FD302",
  name: "subnet-env-malformed",
  severity: "error",
  needs: ["subnetEnvFile", "settings", "links"],
  after: ["FD301"],
  judge({ subnetEnvFile, settings, links }) {
    if (subnetEnvFile.text === null) return [];
    const lines = subnetEnvFile.text.split("\n");
    const cni = settings.store.value === "kubernetes" ||
      links.some((link) => link.name === "cni0");
    const { path } = subnetEnvFile;
    const { problems } = parseSubnetEnv(subnetEnvFile.text);
    return byKind(problems).map((kind): Finding => {
      const [first] = kind;
      return {
        subject: first.variable,
        variant: kind.length > 1 ? `${first.code}-several` : first.code,
        ...gravityOf(first, cni),
        arguments: {
          path,
          variable: oneLine(first.variable),
          value: oneLine(first.value ?? ""),
          line: first.line ?? 0,
          variables: kind.map(({ variable }) => oneLine(variable)),
          count: kind.length,
          wanted: wantedOf(first),
        },
        evidence: kind.slice(0, SHOWN).map(({ line }) => ({
          label: "file",
          text: line === null ? path : oneLine(lines[line - 1] ?? "", 80),
        })).filter(isNew),
        commands: [`cat -A ${shellQuote(path)}`, "systemctl restart flanneld"],
      };
    });
  },
  text: {
    en: {
      title: "subnet.env is not as flannel writes it",
      messages: {
        missing: "{variable} is missing in {path}.",
        "missing-several": "{variables} are missing in {path}.",
        "quoted-several":
          "{variables} have quotes in {path}: the CNI plugin takes them for part of the values.",
        "carriage-return-several":
          "{count} lines of {path} end with a carriage return: their values carry it along, and Docker refuses the options.",
        "not-assignment-several":
          "{count} lines of {path} are no assignments: something else than flannel wrote them.",
        quoted:
          "{variable} has quotes in line {line} of {path}: the CNI plugin takes them for part of the value.",
        spaces:
          "{variable} has blanks at the = in line {line} of {path}: neither a shell nor the CNI plugin reads it.",
        "spaces-several":
          "{variables} have blanks at the = in {path}: neither a shell nor the CNI plugin reads them.",
        prefixed:
          "{variable} does not begin line {line} of {path}: a shell reads it all the same, the CNI plugin does not find it.",
        "prefixed-several":
          "{variables} do not begin their lines in {path}: a shell reads them all the same, the CNI plugin does not find them.",
        trailing:
          "{variable} has a blank or a comment after its value in line {line} of {path}: a shell takes it off, the CNI plugin takes it for part of the value.",
        "trailing-several":
          "{variables} have blanks or comments after their values in {path}: a shell takes them off, the CNI plugin takes them for part of the values.",
        "network-address":
          "{variable} is {value} in line {line} of {path}, the address of the subnet itself: flannel writes the first one in it, {wanted}. Docker does not start with the other.",
        "not-first":
          "{variable} is {value} in line {line} of {path}: flannel writes the first address of the subnet, {wanted}. Docker gives its bridge the other, and may give the first one to a container.",
        "carriage-return":
          "Line {line} of {path} ends with a carriage return: {variable} carries it along, and Docker refuses the option.",
        "not-cidr":
          "{variable} is {value} in line {line} of {path}, which is no address with a prefix length.",
        "several-cidrs":
          "{variable} holds several networks in line {line} of {path}, as flannel v0.21 to v0.24 wrote it.",
        "not-number":
          "{variable} is {value} in line {line} of {path}, which is no number.",
        "not-boolean":
          "{variable} is {value} in line {line} of {path}; only true and false are understood.",
        "not-assignment": "Line {line} of {path} is no assignment: {variable}.",
        duplicate:
          "{variable} is there again in line {line} of {path}; the last one holds.",
      },
      meaning:
        "subnet.env is read by a shell (mk-docker-opts.sh), by the CNI plugin, which splits lines at the first = and takes the rest as it is, and by flanneld itself, which takes quotes, blanks and export as a shell does. flannel writes bare NAME=VALUE lines and the first address of the subnet. Whatever else is there comes from hand-written files and from editors on other systems. A unit that names the file in EnvironmentFile= has it read by systemd, which takes blanks and carriage returns off, keeps a comment after a value, and ignores lines with export.",
      symptoms:
        'Containers do not start: "invalid CIDR address", "is missing FLANNEL_MTU"; dockerd ends with "invalid argument … for --bip"; mk-docker-opts.sh complains of an invalid value of FLANNEL_IPMASQ.',
      repair:
        `Let flanneld write the file: it does so at every start, whatever is there. Nothing has to be edited:
  cat -A /run/flannel/subnet.env
  systemctl restart flanneld
If the file changes back, something else writes it: look for copies in scripts and configuration management.`,
    },
    zh: {
      title: "subnet.env 的格式不对",
      messages: {
        missing: "{path} 中缺少 {variable}。",
        "missing-several": "{path} 中缺少 {variables}。",
        "quoted-several":
          "{path} 中的 {variables} 带有引号，CNI 插件会把引号当作值的一部分。",
        "carriage-return-several":
          "{path} 有 {count} 行以回车符结尾，值会带上它，Docker 拒绝这样的参数。",
        "not-assignment-several":
          "{path} 有 {count} 行不是赋值语句，不是 flannel 写的。",
        quoted:
          "{path} 第 {line} 行的 {variable} 带有引号，CNI 插件会把引号当作值的一部分。",
        spaces:
          "{path} 第 {line} 行的 {variable} 在等号旁有空格，shell 和 CNI 插件都读不了。",
        "spaces-several":
          "{path} 中的 {variables} 在等号旁有空格，shell 和 CNI 插件都读不了。",
        prefixed:
          "{path} 第 {line} 行不是以 {variable} 开头：shell 照样能读，CNI 插件却找不到它。",
        "prefixed-several":
          "{path} 中的 {variables} 不在行首：shell 照样能读，CNI 插件却找不到它们。",
        trailing:
          "{path} 第 {line} 行 {variable} 的值后面有空格或注释：shell 会去掉，CNI 插件则当作值的一部分。",
        "trailing-several":
          "{path} 中 {variables} 的值后面有空格或注释：shell 会去掉，CNI 插件则当作值的一部分。",
        "network-address":
          "{path} 第 {line} 行的 {variable} 是 {value}，即子网本身的地址；flannel 写的是其中第一个地址 {wanted}。用前者 Docker 无法启动。",
        "not-first":
          "{path} 第 {line} 行的 {variable} 是 {value}；flannel 写的是子网的第一个地址 {wanted}。Docker 会把前者给网桥，后者则可能分给某个容器。",
        "carriage-return":
          "{path} 第 {line} 行以回车符结尾，{variable} 的值会带上它，Docker 拒绝这样的参数。",
        "not-cidr":
          "{path} 第 {line} 行的 {variable} 是 {value}，不是带前缀长度的地址。",
        "several-cidrs":
          "{path} 第 {line} 行的 {variable} 写了多个网段，这是 flannel v0.21 到 v0.24 的写法。",
        "not-number": "{path} 第 {line} 行的 {variable} 是 {value}，不是数字。",
        "not-boolean":
          "{path} 第 {line} 行的 {variable} 是 {value}，只能是 true 或 false。",
        "not-assignment": "{path} 第 {line} 行不是赋值语句：{variable}。",
        duplicate: "{path} 第 {line} 行重复定义了 {variable}，以最后一个为准。",
      },
      meaning:
        "读取 subnet.env 的有 shell（mk-docker-opts.sh）、CNI 插件（按第一个等号切分，其余原样使用）以及 flanneld 自己（引号、空格和 export 的处理与 shell 相同）。flannel 写出的是不带引号的“名称=值”，子网写的是其第一个地址；其他写法来自手写的文件，或在其他系统上编辑过的文件。如果服务单元用 EnvironmentFile= 指定这个文件，则由 systemd 读取：它去掉空格和回车符，保留值后面的注释，忽略带 export 的行。",
      symptoms:
        "容器无法启动：“invalid CIDR address”、“is missing FLANNEL_MTU”；dockerd 因 --bip 参数无效而退出；mk-docker-opts.sh 报告 FLANNEL_IPMASQ 的值无效。",
      repair:
        `让 flanneld 来写：不管文件里有什么，它每次启动都会重写，不必手工编辑：
  cat -A /run/flannel/subnet.env
  systemctl restart flanneld
如果文件又变了回去，说明另有程序在写它：检查脚本和配置管理工具。`,
    },
  },
  sources: [
    flannelIssue(1399),
    "https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=",
    githubIssue("Draymonders/Code-Life", 8),
  ],
});

/** Kinds that one line says of several variables or lines. */
const GROUPED: ReadonlySet<SubnetEnvProblem["code"]> = new Set([
  "missing",
  "quoted",
  "spaces",
  "prefixed",
  "trailing",
  "carriage-return",
  "not-assignment",
]);

type Kind = [SubnetEnvProblem, ...SubnetEnvProblem[]];

/** Problems of one kind together: a file from elsewhere has all lines wrong. */
function byKind(problems: readonly SubnetEnvProblem[]): Kind[] {
  const kinds: Kind[] = [];
  for (const problem of problems) {
    const same = kinds.find(([first]) =>
      first.code === problem.code && GROUPED.has(problem.code)
    );
    if (same === undefined) kinds.push([problem]);
    else same.push(problem);
  }
  return kinds;
}

function isNew(line: Evidence, at: number, all: readonly Evidence[]): boolean {
  return all.findIndex(({ text }) => text === line.text) === at;
}

/** Values nothing can work with. */
const FATAL: ReadonlySet<SubnetEnvProblem["code"]> = new Set([
  "missing",
  "spaces",
  "carriage-return",
  "not-cidr",
  "not-number",
  "not-boolean",
]);

/** What a shell reads and the CNI plugin does not. */
const SHELL_ONLY: ReadonlySet<SubnetEnvProblem["code"]> = new Set([
  "quoted",
  "prefixed",
  "trailing",
]);

/** How grave it is, by who reads the file here. */
function gravityOf(
  { code }: SubnetEnvProblem,
  cni: boolean,
): { readonly severity: Severity; readonly alone?: true } {
  // The CNI plugin takes the subnet that the address is in, and no more.
  if (code === "network-address" || code === "not-first") {
    if (cni) return { severity: "info" };
    return code === "not-first"
      ? { severity: "warning", alone: true }
      : { severity: "error" };
  }
  const fatal = FATAL.has(code) || SHELL_ONLY.has(code) && cni;
  return { severity: fatal ? "error" : "info" };
}

/** The value that flannel writes in place of another address. */
function wantedOf({ code, value }: SubnetEnvProblem): string {
  return (code === "network-address" || code === "not-first") && value !== null
    ? firstAddressOf(value)
    : "";
}
