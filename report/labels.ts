import type { Language } from "../checks/check.ts";

/** Labels of evidence lines in each language, by key. */
export const LABELS: Readonly<
  Record<string, Readonly<Record<Language, string>>>
> = {
  rule: { en: "rule", zh: "规则" },
  takes: { en: "takes", zh: "影响" },
  wanted: { en: "wanted", zh: "应为" },
  found: { en: "found", zh: "实际" },
  route: { en: "route", zh: "路由" },
  lease: { en: "lease", zh: "租约" },
  config: { en: "config", zh: "配置" },
  key: { en: "key", zh: "键" },
  file: { en: "file", zh: "文件" },
  device: { en: "device", zh: "设备" },
  address: { en: "address", zh: "地址" },
  process: { en: "process", zh: "进程" },
  endpoint: { en: "endpoint", zh: "端点" },
  certificate: { en: "certificate", zh: "证书" },
  sysctl: { en: "sysctl", zh: "内核参数" },
  answer: { en: "answer", zh: "应答" },
  neighbour: { en: "neighbour", zh: "邻居" },
};

/** A label in one language; an unknown key is printed as it is. */
export function labelOf(key: string, language: Language): string {
  return LABELS[key]?.[language] ?? key;
}
