/**
 * Reasons why something is not known, in the reader's language. Collectors
 * write them in English, in snapshots too; what the system or a tool said
 * follows a colon and stays as it is.
 *
 * @module
 */
import type { Language } from "../checks/check.ts";

/** English beginnings, and what stands for them; `$1` are the parts kept. */
const ZH: readonly (readonly [RegExp, string])[] = [
  [/^not asked: --no-probe/, "未探测（--no-probe）"],
  [/^not collected$/, "未采集"],
  [/^not in this snapshot of flandoc (.+)$/, "flandoc $1 的快照中没有这一项"],
  [/^no external interface: /, "没有外部网卡："],
  [/^this host's interfaces are not known: /, "不了解本机的网卡："],
  [/^this host's lease is not known: /, "不了解本机的租约："],
  [/^the network config could not be read: /, "读不到网络配置："],
  [/^there is no network config at (\S+)$/, "$1 处没有网络配置"],
  [/^the network config at (\S+) is invalid: /, "$1 处的网络配置无效："],
  [/^the leases could not be read: /, "读不到租约："],
  [/^subnet\.env could not be read: /, "读不到 subnet.env："],
  [/^(\S+) does not exist$/, "$1 不存在"],
  [/^this network has no IPv4$/, "本网络没有启用 IPv4"],
  [/^(\S+) has no link-layer addresses$/, "$1 没有链路层地址"],
  [
    /^this host has no lease with an IPv4 subnet$/,
    "本机没有带 IPv4 子网的租约",
  ],
  [
    /^no device here holds (\S+), the first address of this host's subnet$/,
    "本机没有网卡持有 $1，即本机子网的首个地址",
  ],
  [/^no answer from (.+) within (\S+) s$/, "$1 在 $2 秒内没有应答"],
  [/^no answer in time from (.+)$/, "$1 没有及时应答"],
  [
    /^flandoc does not know what backend "(.+)" wants of the kernel$/,
    "flandoc 不了解后端“$1”对内核的要求",
  ],
  [
    /^\/proc\/sys is not there: \/proc is not mounted$/,
    "没有 /proc/sys：/proc 未挂载",
  ],
  [
    /^cannot tell what (\S+) loses by a rule of (.+?)(?:, handle (\d+))?: /,
    "无法判断 $1 是否因 $2 中的规则丢失报文：",
  ],
  [
    /^cannot tell whose (\S+) is, the MAC of a permanent neighbour entry for (\S+) on (\S+): /,
    "无法判断 $3 上 $2 的永久邻居表项中的 MAC $1 属于谁：",
  ],
  [/^(\S+:\S+) answers$/, "应答的是 $1"],
  [/^nobody was heard$/, "没有收到任何应答"],
  [
    /^cannot tell whether (\S+) attaches containers to this network: /,
    "无法判断 $1 是否把容器接入本网络：",
  ],
  [
    /^cannot tell which of (.+) attaches containers to this network: none is on this host's subnet (\S+)$/,
    "无法判断 $1 中是哪一个把容器接入本网络：都不在本机子网 $2 上",
  ],
  [
    /^it has (\S+), inside (\S+) but not on this host's subnet (\S+), and /,
    "其地址 $1 在 $2 之内，却不在本机子网 $3 上，而且",
  ],
  [/^nothing hangs on it$/, "没有任何接口接入"],
  [
    /^flannel gives no host an address like that$/,
    "flannel 不会给任何主机这样的地址",
  ],
  [
    /^bridges of that name are another program's$/,
    "这种名称的网桥属于别的程序",
  ],
  [
    /^(\S+), which is no container's, is a port of it$/,
    "它有一个端口 $1 不是容器的",
  ],
  [
    /^containers hang on it and it has no address$/,
    "有容器接入，它却没有地址",
  ],
  [
    /^containers hang on it and it has (.+), but no Docker runs here$/,
    "有容器接入，地址是 $1，而本机没有运行 Docker",
  ],
  [
    /^cannot tell which lease of (\S+) is this host's: (.+) have one$/,
    "无法判断 $1 的哪一条租约属于本机：$2 各有一条",
  ],
  [
    /^(\S+) is (?:not there|empty) on this host, and its ConfigMap cannot be read: /,
    "本机没有 $1（或为空），也读不到对应的 ConfigMap：",
  ],
  [
    /^(\S+) is (?:not there|empty) on this host, and the cluster has no ConfigMap (\S+) in namespace (\S+) or (\S+): --net-config-path says where the config is$/,
    "本机没有 $1（或为空），集群的 $3 和 $4 命名空间中也没有 ConfigMap $2：请用 --net-config-path 指明配置文件",
  ],
  [
    /^(\S+) is (?:not there|empty) \(((?:flag|environment) \S+)\)$/,
    "$1 不存在或为空（由 $2 指定）",
  ],
  [/^\/proc is not there or not readable$/, "/proc 不存在或不可读"],
];

/** One reason, whose cause after the colon may be one of flandoc's too. */
function inChinese(reason: string): string {
  for (const [pattern, words] of ZH) {
    const found = pattern.exec(reason);
    if (found === null) continue;
    const said = found[0].replace(pattern, words);
    return said + inChinese(reason.slice(found[0].length));
  }
  return reason;
}

/** Reasons as a person reads them, the same one once. */
export function reasonWords(
  reasons: readonly string[],
  language: Language,
): string {
  if (language === "en") return reasons.join("; ");
  return [...new Set(reasons.map(inChinese))].join("；");
}
