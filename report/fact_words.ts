import type { Language } from "../checks/check.ts";
import type { FactName } from "../snapshot/facts.ts";

/** What a check looks at, in words: English, Chinese. */
const WORDS: Readonly<Record<FactName, readonly [en: string, zh: string]>> = {
  host: ["host", "主机"],
  settings: ["settings", "设置"],
  endpoints: ["etcd endpoints", "etcd 端点"],
  certificates: ["certificates", "证书"],
  configRecord: ["config key", "配置键"],
  leaseRecords: ["lease keys", "租约键"],
  links: ["devices", "网络设备"],
  addresses: ["addresses", "地址"],
  routes: ["routes", "路由"],
  rules: ["policy rules", "策略路由规则"],
  neighbours: ["neighbours", "邻居表"],
  fdb: ["FDB", "FDB"],
  netfilter: ["netfilter rules", "netfilter 规则"],
  sysctls: ["kernel parameters", "内核参数"],
  subnetEnvFile: ["subnet.env (file)", "subnet.env 文件"],
  processes: ["processes", "进程"],
  docker: ["Docker", "Docker"],
  units: ["systemd units", "systemd 单元"],
  persistence: ["saved rules", "已保存的规则"],
  arp: ["ARP answers", "ARP 应答"],
  forwarding: ["echoes between bridges", "网桥之间的回显"],
  health: ["health endpoint", "健康检查端口"],
  config: ["network config", "网络配置"],
  leases: ["leases", "租约"],
  node: ["external interface and own lease", "外部网卡与本机租约"],
  subnetEnv: ["subnet.env", "subnet.env"],
  expected: ["state that the records imply", "由记录推出的应有状态"],
};

/** Names of facts for a person, joined. */
export function factWords(
  names: readonly FactName[],
  language: Language,
): string {
  const words = names.map((name) => WORDS[name][language === "en" ? 0 : 1]);
  return words.join(language === "en" ? ", " : "、");
}
