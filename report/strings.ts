/**
 * Words of the reports themselves, apart from those of the checks.
 *
 * @module
 */
import type { Language } from "../checks/check.ts";
import type { Area } from "../checks/area.ts";

/** Words of one language. */
export interface Strings {
  readonly areas: Readonly<Record<Area, string>>;
  readonly verdicts: Readonly<
    Record<"ok" | "failed" | "unknown" | "skipped" | "crashed", string>
  >;
  readonly severities: Readonly<Record<"error" | "warning" | "info", string>>;
  readonly of: string;
  readonly endpoints: string;
  readonly endpoint: string;
  readonly mootAfter: string;
  /** How many checks wait for a cause: `{count}`, `{cause}`. */
  readonly moot: { readonly one: string; readonly many: string };
  readonly unselected: string;
  readonly repair: string;
  readonly look: string;
  readonly repairByHand: string;
  readonly byHand: string;
  readonly unknownTitle: string;
  readonly crashedTitle: string;
  readonly crashedHint: string;
  readonly counts: Readonly<
    Record<"ok" | "errors" | "warnings" | "unknown" | "skipped" | "crashed", {
      readonly one: string;
      readonly many: string;
    }>
  >;
  readonly settings: string;
  readonly noNetwork: string;
  /** Why nothing is judged: `{device}`, `{address}`, `{subnet}`, `{gateway}`. */
  readonly container: string;
  readonly explain: Readonly<
    Record<
      "meaning" | "symptoms" | "repair" | "needs" | "after" | "sources" | "fix",
      string
    >
  >;
}

const EN: Strings = {
  areas: {
    config: "network config",
    store: "store and leases",
    bridge: "subnet.env, bridge",
    routes: "routes",
    adjacency: "adjacency, overlay",
    nat: "NAT and filter",
    kernel: "kernel",
    agent: "agent",
    hosts: "across hosts",
    kubernetes: "Kubernetes",
  },
  verdicts: {
    ok: "ok",
    failed: "failed",
    unknown: "unknown",
    skipped: "skipped",
    crashed: "crashed",
  },
  severities: { error: "error", warning: "warning", info: "info" },
  of: "of",
  endpoints: "endpoints",
  endpoint: "endpoint",
  mootAfter: "moot after",
  moot: {
    one: "1 check can be judged only once {cause} is repaired",
    many: "{count} checks can be judged only once {cause} is repaired",
  },
  unselected: "not selected",
  repair: "repair",
  look: "look",
  repairByHand: "by hand",
  byHand: "flandoc explain",
  unknownTitle: "could not be judged",
  crashedTitle: "crashed while judging, a bug of flandoc's",
  crashedHint: "The other checks are not affected; -v shows the trace.",
  counts: {
    ok: { one: "ok", many: "ok" },
    errors: { one: "error", many: "errors" },
    warnings: { one: "warning", many: "warnings" },
    unknown: { one: "unknown", many: "unknown" },
    skipped: { one: "skipped", many: "skipped" },
    crashed: { one: "crashed", many: "crashed" },
  },
  settings: "settings and where they come from",
  noNetwork: "no flannel network found",
  container:
    "This is the network namespace of a container, not of its host: {device} has {address} of {subnet} and leaves by {gateway}. Nothing was judged. Run flandoc in the host's; from a shell of the host: nsenter -t 1 -n flandoc",
  explain: {
    meaning: "What it means",
    symptoms: "What people see",
    repair: "Repair",
    needs: "Looks at",
    after: "Moot after",
    sources: "Sources",
    fix: "With flandoc",
  },
};

const ZH: Strings = {
  areas: {
    config: "网络配置",
    store: "存储与租约",
    bridge: "subnet.env 与网桥",
    routes: "路由",
    adjacency: "邻接与隧道",
    nat: "NAT 与过滤",
    kernel: "内核",
    agent: "代理进程",
    hosts: "跨主机",
    kubernetes: "Kubernetes",
  },
  verdicts: {
    ok: "正常",
    failed: "异常",
    unknown: "未知",
    skipped: "跳过",
    crashed: "崩溃",
  },
  severities: { error: "错误", warning: "警告", info: "提示" },
  of: "/",
  endpoints: "个端点",
  endpoint: "个端点",
  mootAfter: "前提未满足，见",
  moot: {
    one: "另有 1 项检查要等 {cause} 修复后才能判断",
    many: "另有 {count} 项检查要等 {cause} 修复后才能判断",
  },
  unselected: "未选择",
  repair: "修复",
  look: "查看",
  repairByHand: "手工修复",
  byHand: "flandoc explain",
  unknownTitle: "无法判断",
  crashedTitle: "检查时崩溃，这是 flandoc 的缺陷",
  crashedHint: "其余检查不受影响；用 -v 查看堆栈。",
  counts: {
    ok: { one: "项正常", many: "项正常" },
    errors: { one: "项错误", many: "项错误" },
    warnings: { one: "项警告", many: "项警告" },
    unknown: { one: "项未知", many: "项未知" },
    skipped: { one: "项跳过", many: "项跳过" },
    crashed: { one: "项崩溃", many: "项崩溃" },
  },
  settings: "各项设置及其来源",
  noNetwork: "未发现 flannel 网络",
  container:
    "这里是容器的网络命名空间，不是主机的：{device} 的地址 {address} 属于 {subnet}，经 {gateway} 出去。未作任何判断。请在主机的网络命名空间中运行 flandoc；在主机的 shell 中：nsenter -t 1 -n flandoc",
  explain: {
    meaning: "含义",
    symptoms: "现象",
    repair: "修复方法",
    needs: "检查依据",
    after: "以下检查失败时不再判断",
    sources: "参考",
    fix: "用 flandoc 修复",
  },
};

/** Words by language. */
export const STRINGS: Readonly<Record<Language, Strings>> = { en: EN, zh: ZH };
