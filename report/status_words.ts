import type { Language } from "../checks/check.ts";

const WORDS = {
  en: {
    agent: "agent",
    none: "none runs here",
    since: "{name} (pid {pid}) for {time}{unit}",
    ready: "ready",
    yes: "yes: the lease is valid, the kernel is as the records want it",
    no: "no",
    noPort: "it does not say: start it with --healthz-port",
    silent: "it does not say: {url} gives no answer ({error})",
    mute: "it does not say: flanneld tells only that it runs",
    strange: "it does not say: {url} answers {status}",
    lease: "lease",
    leaseText: "{subnet}, {left} left",
    reserved: "{subnet}, reserved: it does not end",
    podCidr: "{subnet}, the node's pod CIDR: it does not end",
    noLease: "none",
    publicIP: "public IP",
    peers: "peers",
    backendType:
      "{peer} is left alone: its backend is {type}, here it is {own}",
    noBackend: "none",
    backendData:
      "{peer} is left alone: it publishes no VTEP MAC, or no address",
    noSubnet: "{peer} is left alone: it has no subnet that this network routes",
    oneFamily:
      "{peer} is reached by one family only: for the other it publishes no VTEP MAC, or no address",
    more: "and {count} more",
    and: " and ",
    routes: "routes",
    routesText: "{wanted} wanted, {present} present",
    store: "store",
    storeText: "{endpoint} {state}",
    unread: "the leases cannot be read: {reason}",
    noConfig: "the network config cannot be read: {reason}",
    repairs: "repairs",
    repairsText: "{count} since it started",
    unknown: "unknown: {reason}",
  },
  zh: {
    agent: "代理进程",
    none: "本机没有运行",
    since: "{name}（pid {pid}），已运行 {time}{unit}",
    ready: "就绪",
    yes: "是：租约有效，内核状态与记录一致",
    no: "否",
    noPort: "未知：请用 --healthz-port 启动",
    silent: "未知：{url} 没有应答（{error}）",
    mute: "未知：flanneld 只报告自己在运行",
    strange: "未知：{url} 返回 {status}",
    lease: "租约",
    leaseText: "{subnet}，剩余 {left}",
    reserved: "{subnet}，保留租约，永不到期",
    podCidr: "{subnet}，即本节点的 Pod CIDR，永不到期",
    noLease: "无",
    publicIP: "公共 IP",
    peers: "对端",
    backendType: "不使用 {peer}：其后端类型是 {type}，本网络是 {own}",
    noBackend: "空",
    backendData: "不使用 {peer}：它没有公布 VTEP MAC 或地址",
    noSubnet: "不使用 {peer}：它没有本网络所用协议族的子网",
    oneFamily: "{peer} 只有一个协议族可达：另一个没有公布 VTEP MAC 或地址",
    more: "另有 {count} 个",
    and: " 和 ",
    routes: "路由",
    routesText: "应有 {wanted} 条，实有 {present} 条",
    store: "存储",
    storeText: "{endpoint} {state}",
    unread: "读不到租约：{reason}",
    noConfig: "读不到网络配置：{reason}",
    repairs: "修复",
    repairsText: "启动以来 {count} 次",
    unknown: "未知：{reason}",
  },
} as const satisfies Record<Language, Record<string, string>>;

/** What `flandoc status` says, by what it is said of. */
export type StatusWords = Readonly<Record<keyof (typeof WORDS)["en"], string>>;

/** The words of a language. */
export function statusWords(language: Language): StatusWords {
  return WORDS[language];
}
