import { type Check, defineCheck } from "../check.ts";
import { isAgent, processLine, separateAgents } from "../flannel_agents.ts";
import { flannelIssue, githubIssue } from "../sources.ts";
import { flagValue, isTrue, parseFlags } from "../../flannel/flags.ts";
import type { ProcessFacts } from "../../snapshot/facts.ts";

/** FD804: two agents keep one network on this host. */
export const AGENT_DUPLICATE: Check = defineCheck({
  code: "FD804",
  name: "agent-duplicate",
  severity: "error",
  needs: ["processes"],
  judge({ processes }) {
    const places = separateAgents(processes).map((agent) => ({
      agent,
      ...placeOf(agent),
    }));
    const clash = places.filter((place) =>
      places.some((other) =>
        other !== place && (other.file === place.file ||
          other.stores.some((store) => place.stores.includes(store)))
      )
    );
    if (clash.length < 2) return [];
    return [{
      subject: clash.map(({ agent }) => `${agent.name} ${agent.pid}`)
        .join(", "),
      arguments: {
        count: clash.length,
        agents: clash.map(({ agent }) => `${agent.name} (${agent.pid})`),
      },
      evidence: clash.map(({ agent }) => ({
        label: "process",
        text: processLine(agent),
      })),
      commands: clash.map(({ agent }) => `systemctl status ${agent.pid}`),
    }];
  },
  text: {
    en: {
      title: "Several agents for one network",
      messages: {
        default:
          "{count} agents keep the same network on this host: {agents}. They overwrite each other's lease, subnet.env and rules.",
      },
      meaning:
        "One host has one agent for a network: flanneld, flandoc run, or the flannel inside k3s. Two of them write the same lease and the same subnet.env, and put their rules and routes in place of the other's. Two flannelds for two networks are all right when they have different --etcd-prefix, --subnet-file, and VNI or port; of flandoc run there is only one on a host, and it does not start beside a flanneld that has its --subnet-file or its endpoints and --etcd-prefix.",
      symptoms:
        "Rules and routes appear and vanish every few seconds; the vxlan device is made again and again; subnet.env changes by itself.",
      repair: `Keep one, stop the others and see that they do not come back:
  systemctl status PID
  systemctl disable --now flanneld
Under Kubernetes look for two DaemonSets, in kube-system and in kube-flannel:
  kubectl get daemonset -A | grep flannel`,
    },
    zh: {
      title: "同一网络有多个代理",
      messages: {
        default:
          "本机有 {count} 个代理在管理同一个网络：{agents}。它们会互相覆盖租约、subnet.env 和规则。",
      },
      meaning:
        "一台主机上一个网络只应有一个代理：flanneld、flandoc run，或 k3s 内置的 flannel。两个代理会写同一条租约、同一个 subnet.env，并互相替换对方的规则和路由。如果是两个网络各用一个 flanneld，只要 --etcd-prefix、--subnet-file 以及 VNI 或端口不同，就没有问题；flandoc run 在一台主机上只能有一个；如果已有 flanneld 使用同一个 --subnet-file，或同样的端点和 --etcd-prefix，它也不会启动。",
      symptoms:
        "规则和路由每隔几秒出现又消失；vxlan 设备被反复重建；subnet.env 自己变化。",
      repair: `保留一个，停掉其余的，并确认它们不会再启动：
  systemctl status PID
  systemctl disable --now flanneld
在 Kubernetes 中检查 kube-system 与 kube-flannel 里是否各有一个 DaemonSet：
  kubectl get daemonset -A | grep flannel`,
    },
  },
  sources: [flannelIssue(1142), githubIssue("k3s-io/k3s", 1963)],
});

/** Where an agent keeps its records, as endpoint with prefix, and its file. */
function placeOf(
  agent: ProcessFacts,
): { readonly stores: readonly string[]; readonly file: string } {
  const flags = parseFlags(words(agent));
  const value = (flag: string) =>
    flagValue(flag, flags, agent.environment).values.at(-1) ?? "";
  const kubernetes = !isAgent(agent) || isTrue(value("kube-subnet-mgr"));
  const file = value("subnet-file");
  return {
    stores: kubernetes ? ["kubernetes"] : value("etcd-endpoints").split(",")
      .map((url) => `${url.trim()}${value("etcd-prefix").replace(/\/+$/, "")}`),
    file: file.startsWith("/") ? file : `${agent.cwd ?? ""}/${file}`,
  };
}

/** The agent's flags: all of flanneld's words, flandoc's after `run`. */
function words({ name, argv }: ProcessFacts): readonly string[] {
  if (name === "flanneld") return argv.slice(1);
  return name === "flandoc" ? argv.slice(argv.lastIndexOf("run") + 1) : [];
}
