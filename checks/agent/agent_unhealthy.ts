import { type Check, defineCheck } from "../check.ts";
import { oneLine } from "../one_line.ts";
import { shellQuote } from "../shell_quote.ts";
import { flannelIssue } from "../sources.ts";
import { valueOf } from "../../snapshot/fact.ts";

/** FD802: the agent's health port does not say that it is well. */
export const AGENT_UNHEALTHY: Check = defineCheck({
  code: "FD802",
  name: "agent-unhealthy",
  severity: "error",
  needs: ["health"],
  after: ["FD801"],
  applies(facts) {
    return valueOf(facts.health) === null ? "no-port" : undefined;
  },
  judge({ health }) {
    if (health === null) return [];
    const { url, status, body, error } = health;
    if (status !== null && status >= 200 && status < 300) return [];
    return [{
      subject: url,
      variant: status === null ? "silent" : "default",
      arguments: { url, status: status ?? 0, error: oneLine(error ?? "") },
      evidence: [{
        label: "answer",
        text: status === null
          ? oneLine(error ?? "")
          : `HTTP ${status} ${oneLine(body ?? "")}`.trim(),
      }],
      commands: [`curl -i ${shellQuote(url)}`],
    }];
  },
  text: {
    en: {
      title: "The agent's health port does not say it is well",
      messages: {
        default: "The agent answers {status} at {url}.",
        silent:
          "The agent runs, but does not answer at {url}, where it should: {error}.",
      },
      meaning:
        "flanneld --healthz-port serves /healthz, which says no more than that the process lives, and from v0.28.9 /readyz. When even that does not come, the process hangs or something else has the port: flanneld ends when it cannot bind it. flandoc run answers 503 there and says why.",
      symptoms:
        "Watchdogs and Kubernetes probes restart the agent again and again.",
      repair:
        `Ask by hand, see who has the port, and restart the agent once etcd answers:
  curl -i http://127.0.0.1:2401/healthz
  ss -ltnp 'sport = :2401'
  systemctl restart flanneld`,
      skips: { "no-port": "the agent serves no health port" },
    },
    zh: {
      title: "代理的健康检查端口不正常",
      messages: {
        default: "代理在 {url} 返回 {status}。",
        silent: "代理在运行，但在 {url} 上没有应答：{error}。",
      },
      meaning:
        "flanneld --healthz-port 提供 /healthz，它只表示进程还活着；v0.28.9 起还有 /readyz。连这个都不应答，说明进程卡住了，或端口被别的程序占用：flanneld 绑定不了端口时会退出。flandoc run 会返回 503 并说明原因。",
      symptoms: "监控程序或 Kubernetes 的探针反复重启代理。",
      repair: `手工访问，查看端口被谁占用，确认 etcd 有应答后重启代理：
  curl -i http://127.0.0.1:2401/healthz
  ss -ltnp 'sport = :2401'
  systemctl restart flanneld`,
      skips: { "no-port": "代理没有开启健康检查端口" },
    },
  },
  sources: [flannelIssue(616), flannelIssue(632), flannelIssue(1445)],
});
